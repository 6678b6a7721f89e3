"""The fate of an object that its owner's bundle no longer holds: deleted, kept or left alone, and why. Pure.

krt deletes an object by its name and its uid: an object of the same name that somebody has made anew stays. An object
that is kept stays in the inventory, so that krt deletes it once the reason is gone. An object that is left alone does
not stay in the inventory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from krt.core.delivery.inventory import InventoryEntry
from krt.core.delivery.ownership import OWNED_BY, OWNER, Owner, is_owned
from krt.core.kube.fields import text_at, texts_at
from krt.core.reason import readable

_OPT_OUTS = {
    "krt/prune": "disabled",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
    "action.timoni.sh/prune": "disabled",
}
_CONTAINERS = {("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")}
_MOST_NAMED = 5


class Extent(Enum):
    """How far pruning goes: whether it deletes Namespaces and CustomResourceDefinitions that are no longer wanted.

    ORDINARY: never. ALL: if they hold no objects of others; because their owner is deleted, or by `--prune-all`.
    EVERYTHING: even if they hold objects of others (`krt/delete: everything`).
    """

    ORDINARY = auto()
    ALL = auto()
    EVERYTHING = auto()


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object, with `uid` as a precondition."""

    entry: InventoryEntry
    uid: str


@dataclass(frozen=True, slots=True)
class Keep:
    """The object stays in the cluster and in the inventory."""

    entry: InventoryEntry
    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The object is not the owner's any more and leaves the inventory. `reason` is "" if it no longer exists."""

    entry: InventoryEntry
    reason: str


Fate = Delete | Keep | Leave


def fate_of(
    entry: InventoryEntry,
    live: Mapping[str, object] | None,
    owner: Owner,
    *,
    extent: Extent = Extent.ORDINARY,
    own_namespace: str = "",
    foreign: Sequence[str] = (),
) -> Fate:
    """The fate of the object of `entry`, which its owner no longer wants.

    `live` is the object as it was read just now, or only its metadata; None if it does not exist. If it is a Namespace
    or a CustomResourceDefinition, `foreign` names the objects in it that are not the owner's. `own_namespace` is the
    namespace in which krt itself runs.
    """
    if live is None:
        return Leave(entry, "")
    if reason := _not_ours(entry, live, owner, own_namespace):
        return Leave(entry, readable(reason))
    if reason := _held(entry, live, extent, foreign):
        return Keep(entry, readable(reason))
    return Delete(entry, text_at(live, "metadata", "uid"))


def _not_ours(entry: InventoryEntry, live: Mapping[str, object], owner: Owner, own_namespace: str) -> str:
    is_container = (entry.group, entry.kind) in _CONTAINERS
    if entry.kind == "Namespace" and not entry.group and _is_protected(entry.name, own_namespace):
        return "krt never deletes this namespace"
    if entry.uid and text_at(live, "metadata", "uid") != entry.uid:
        return "somebody has made it anew"
    if not is_owned(live, owner):
        said = text_at(live, "metadata", "annotations", OWNED_BY)
        has_label = text_at(live, "metadata", "labels", OWNER)
        return f"it is managed by {said or 'another owner'}" if has_label else f"its label {OWNER} is gone"
    return "it was there before krt applied it" if is_container and not entry.created else ""


def _is_protected(name: str, own_namespace: str) -> bool:
    return name == "default" or name.startswith("kube-") or name == own_namespace


def _held(entry: InventoryEntry, live: Mapping[str, object], extent: Extent, foreign: Sequence[str]) -> str:
    annotations = texts_at(live, "metadata", "annotations")
    for name, value in _OPT_OUTS.items():
        if annotations.get(name) == value:
            return f"its annotation says {name}: {value}"
    if (entry.group, entry.kind) not in _CONTAINERS or extent is Extent.EVERYTHING:
        return ""
    if extent is Extent.ORDINARY:
        return f"a {entry.kind} is deleted only together with its owner"
    more = f" and {len(foreign) - _MOST_NAMED} more" if len(foreign) > _MOST_NAMED else ""
    return f"it holds objects of others: {', '.join(foreign[:_MOST_NAMED])}{more}" if foreign else ""
