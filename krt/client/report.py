"""What krt web says of an event, as it stands in the answer: what is not known here is passed over or shown as it is.

krt web may be newer than this side: an unknown field is no error, an unknown state is not the last one.
"""

import msgspec

ACCEPTED, ROLLING = "accepted", "rolling"
READY, FAILED, NO_MATCH, EXPIRED, DONE = "ready", "failed", "no_match", "expired", "done"

_FINAL = frozenset({READY, FAILED, NO_MATCH, EXPIRED, DONE})
_SETTLED_TARGETS = frozenset({"ready", "failed", "skipped", "would_restart"})
_SETTLED_CLUSTERS = frozenset({"settled", "no_match", "failed", "expired"})


class Target(msgspec.Struct, frozen=True):
    """One workload. `updated`, `available` and `desired` count pods, `seconds` run from the restart."""

    cluster: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    state: str = ""
    reason: str | None = None
    updated: int | None = None
    available: int | None = None
    desired: int | None = None
    seconds: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it this one, and not another."""
        return self.cluster, self.kind, self.namespace, self.name

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.state in _SETTLED_TARGETS


class Cluster(msgspec.Struct, frozen=True):
    """What the workers of one cluster say. `more` counts targets beyond those that are listed."""

    name: str = ""
    state: str = ""
    reason: str | None = None
    seen_at: str | None = None
    more: int | None = None

    @property
    def is_absent(self) -> bool:
        """Whether its workers are waited for, and silent."""
        return self.state == "absent"

    @property
    def has_left(self) -> bool:
        """Whether its last worker was stopped before the event, which does not wait for it."""
        return self.state == "left"

    @property
    def is_settled(self) -> bool:
        """Whether its workers have done what they could."""
        return self.state in _SETTLED_CLUSTERS


class Origin(msgspec.Struct, frozen=True):
    """Who announced the event."""

    repository: str | None = None
    run: str | None = None


class Report(msgspec.Struct, frozen=True):
    """The whole document. Without an `id` it is none."""

    id: str
    state: str
    image: str = ""
    tags: tuple[str, ...] = ()
    accepted_at: str | None = None
    by: Origin | None = None
    clusters: tuple[Cluster, ...] = ()
    targets: tuple[Target, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether the event's state stays as it is."""
        return self.state in _FINAL

    @property
    def absent(self) -> tuple[Cluster, ...]:
        """The clusters in which no worker is: silent, or stopped."""
        return tuple(cluster for cluster in self.clusters if cluster.is_absent or cluster.has_left)

    @property
    def waits_for_absent_only(self) -> bool:
        """Whether nothing keeps the event from its end but clusters in which no worker is."""
        present = [cluster for cluster in self.clusters if cluster not in self.absent]
        gone = {cluster.name for cluster in self.absent} - {cluster.name for cluster in present}
        others = [target for target in self.targets if target.cluster not in gone]
        settled = all(cluster.is_settled for cluster in present) and all(target.is_settled for target in others)
        return not self.is_final and bool(self.absent) and settled

    @property
    def open_targets(self) -> tuple[Target, ...]:
        """The targets of which something more is to be expected."""
        return tuple(target for target in self.targets if not target.is_settled)
