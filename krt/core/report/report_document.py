"""The document of a report: krt web sends it, the page shows it, and `krt notify` reads it. Pure.

The krt web that sent it may be older or newer: what it may leave out has a default, and a state is any word. With each
state stands whether it is final. Where that is missing, the states that are known here decide. UNSET is not written.
"""

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from krt.core.report.report import FINAL, FINAL_GROUPS
from krt.core.report.target import FINAL_TARGETS

ABSENT, LEFT = "absent", "left"  # of a cluster, besides what its workers say (GroupState)


class ListedTarget(msgspec.Struct, frozen=True):
    """One workload. `updated`, `available` and `desired` count pods, `seconds` run from the restart."""

    cluster: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    state: str = ""
    updated: int | None = None
    available: int | None = None
    desired: int | None = None
    seconds: float | None = None
    warnings: tuple[str, ...] = ()
    reason: str | UnsetType | None = None
    final: bool | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it this one, and not another."""
        return self.cluster, self.kind, self.namespace, self.name

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.state in FINAL_TARGETS if self.final is None else self.final


class ListedCluster(msgspec.Struct, frozen=True):
    """What the workers of one cluster say. `more` counts targets beyond those that are listed."""

    name: str = ""
    state: str = ""
    reason: str | UnsetType | None = None
    more: int | UnsetType | None = None
    seen_at: str | UnsetType | None = None
    final: bool | None = None

    @property
    def is_absent(self) -> bool:
        """Whether its workers are waited for, and silent."""
        return self.state == ABSENT

    @property
    def has_left(self) -> bool:
        """Whether its last worker was stopped before the event, which does not wait for it."""
        return self.state == LEFT

    @property
    def is_settled(self) -> bool:
        """Whether its workers have done what they could."""
        return self.state in FINAL_GROUPS if self.final is None else self.final


class DocumentOrigin(msgspec.Struct, frozen=True):
    """Who announced the event."""

    repository: str | None = None
    run: str | None = None


class Document(msgspec.Struct, frozen=True):
    """The whole of it. Without an `id` it is none."""

    id: str
    state: str
    image: str = ""
    tags: tuple[str, ...] = ()
    accepted_at: str | None = None
    by: DocumentOrigin | None = None
    clusters: tuple[ListedCluster, ...] = ()
    targets: tuple[ListedTarget, ...] = ()
    final: bool | None = None

    @property
    def is_final(self) -> bool:
        """Whether the event's state stays as it is."""
        return self.state in FINAL if self.final is None else self.final

    def without_sightings(self) -> "Document":
        """The same, but for when the clusters that are there were last seen: that changes all the time."""
        clusters = (each if each.is_absent or each.has_left else replace(each, seen_at=UNSET) for each in self.clusters)
        return replace(self, clusters=tuple(clusters))
