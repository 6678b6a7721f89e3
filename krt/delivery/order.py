"""The order for a delivery or a removal, and how it ended."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum, auto

from krt.core.delivery.inventory import Inventory
from krt.core.delivery.ownership import Owner
from krt.core.delivery.pruning import Extent
from krt.core.kube.fields import text_at
from krt.core.kube.manifest import Manifest
from krt.core.kube.object_key import ObjectKey
from krt.core.report.report_document import Document
from krt.delivery.progress import Progress

FORCE = "krt/force"  # an annotation of a manifest: "true" takes its fields over from other managers

# Steps between the wait and the pruning, such as restarts. Returns why they have failed, "" if they have not.
Steps = Callable[[Progress], Awaitable[str]]

# Called in a dry-run with an object as it is (None if it is not there) and as it would be.
Compared = Callable[[ObjectKey, Mapping[str, object] | None, Mapping[str, object]], None]


def _unseen(_: ObjectKey, live: Mapping[str, object] | None, applied: Mapping[str, object]) -> None:
    del live, applied


def _is_living(_: str) -> bool:
    return True


async def _no_steps(_: Progress) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The objects that `owner` shall have from now on: those of `manifests`, and no others.

    The inventory is a Secret in `inventory_namespace`. `timeout_seconds` bounds looks, applies and waits
    together, and then the pruning; `before_pruning` bounds itself.
    `ensured` are Namespaces that krt creates if they are missing; it neither changes nor owns nor deletes them.
    `is_forced`: take fields over from other field managers. `forces_own`: take them over in objects of the inventory.
    `is_living` says of the id of another owner whether that owner still exists: if not, its objects are taken over.
    `own_namespace` is the one that krt runs in, "" if none.
    Without `waits` no stage waits for the one before; without `prunes` the manifests are only some of the owner's.
    `waiting` is entered while krt waits for objects to become ready: another delivery may use the time.
    `others` are further objects that the owner shall have: this delivery neither applies nor prunes them.
    `labels` and `annotations` are written onto the inventory. `compared` is called in a dry-run.
    """

    owner: Owner
    manifests: tuple[Manifest, ...]
    inventory_namespace: str
    timeout_seconds: float = 300.0
    ensured: tuple[Manifest, ...] = ()
    is_forced: bool = False
    forces_own: bool = False
    is_dry_run: bool = False
    is_living: Callable[[str], bool] = _is_living
    before_pruning: Steps = _no_steps
    extent: Extent = Extent.ORDINARY
    own_namespace: str = ""
    waits: bool = True
    prunes: bool = True
    waiting: Callable[[], AbstractAsyncContextManager[object]] = nullcontext
    others: frozenset[ObjectKey] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    compared: Compared = _unseen

    def forces(self, manifest: Manifest) -> bool:
        """Whether the manifest takes fields over from other managers."""
        return self.is_forced or text_at(manifest.body, "metadata", "annotations", FORCE) == "true"


@dataclass(frozen=True, slots=True)
class Removal:
    """All objects of `owner` shall go, and its inventory. Without an inventory there is nothing to do.

    `extent` ALL keeps Namespaces and definitions that hold objects of others; EVERYTHING deletes those, too.
    """

    owner: Owner
    inventory_namespace: str
    timeout_seconds: float = 300.0
    is_dry_run: bool = False
    extent: Extent = Extent.ALL
    own_namespace: str = ""


class End(Enum):
    """How a delivery or a removal ended. After REFUSED (by krt) and DENIED (by the API server) nothing was written."""

    READY = auto()
    PLANNED = auto()  # a dry-run
    REFUSED = auto()
    DENIED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The end, and the last report, which has the reason of each failure.

    `inventory` is as it was last written. `versions` are the resource versions of the objects that were applied.
    `is_applied`: every object was, whether it became ready or not.
    """

    end: End
    report: Document
    inventory: Inventory = Inventory()
    versions: Mapping[ObjectKey, str] = field(default_factory=dict)
    is_applied: bool = False
