"""The groups of workers that an event waits for: those that were alive in the day before it and had not left. Pure.

A group is all workers of one cluster that see the same workloads. Its name is `CLUSTER:SCOPE`, and it is a consumer
group of the journal: each group gets every event.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

ABSENT_SECONDS = 60.0  # twice the interval of 30 s in which a worker writes that it is alive
DAY_SECONDS = 24 * 3600.0

_SIGHTING = re.compile(r"([0-9]{1,11}) ([0-9]{1,11}) ([0-9]{1,11}) (\{.*\})")


class Presence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The scope and settings of a group of workers. If `namespaces` is empty, the group sees all namespaces.

    `left` is true if the group's last worker was stopped in an orderly way, and no worker has come back since.
    """

    namespaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("Deployment",)
    require_opt_in: bool = False
    max_event_age_seconds: float = 3600.0
    left: bool = False

    def overlaps(self, other: "Presence") -> bool:
        """Whether both groups, in the same cluster, may see the same workload."""
        shared = set(self.namespaces) & set(other.namespaces) or not (self.namespaces and other.namespaces)
        return bool(shared and set(self.kinds) & set(other.kinds))

    def to_json(self) -> str:
        """The text that is stored in Valkey."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a group was alive, in seconds since the epoch by Valkey's clock.

    It was alive from `first` to `last` without a silence of a day or more. Before `first` it was last alive at
    `earlier` (0: never).
    """

    presence: Presence
    first: float
    last: float
    earlier: float = 0.0

    def was_alive_in_day_before(self, time: float) -> bool:
        """Whether the group was alive in the 24 h before `time`. Later sightings do not change the answer."""
        since = time - DAY_SECONDS
        return self.earlier >= since or (self.first <= time and self.last >= since)


@dataclass(frozen=True, slots=True)
class Seen:
    """When each group was alive, and Valkey's time `now`. Groups that `krt cluster forget` deleted are not in it."""

    groups: Mapping[str, Sighting]
    now: float

    def is_silent(self, group: str) -> bool:
        """Whether the group is not known to have been alive in the last ABSENT_SECONDS: it does nothing at present."""
        sighting = self.groups.get(group)
        return sighting is None or self.now - sighting.last > ABSENT_SECONDS

    def has_left(self, group: str) -> bool:
        """Whether the group's last worker was stopped, and none is back after a minute (a rolling update is faster)."""
        return self.is_silent(group) and group in self.groups and self.groups[group].presence.left

    def and_now(self, group: str, presence: Presence) -> "Seen":
        """A copy in which `group` is alive now, with `presence`."""
        known = self.groups.get(group)
        if known and self.now - known.last <= DAY_SECONDS:
            own = Sighting(presence, known.first, self.now, known.earlier)
        else:
            own = Sighting(presence, self.now, self.now, known.last if known else 0.0)
        return Seen({**self.groups, group: own}, self.now)


def group_name(cluster: str, presence: Presence) -> str:
    """The name of the consumer group for the workers of a cluster that have the scope of `presence`.

    Workers of another scope need another group. Valkey gives each entry to one worker of a group: in a shared group,
    the workloads that this worker does not see would not be restarted.
    """
    scope = [sorted(presence.namespaces), sorted(presence.kinds), presence.require_opt_in]
    return f"{cluster}:{sha256(repr(scope).encode()).hexdigest()[:8]}"


def cluster_of(group: str) -> str:
    """The name of the group's cluster."""
    return group.partition(":")[0]


def parse_sighting(text: str) -> Sighting | None:
    """The sighting that Valkey stores as `FIRST LAST EARLIER PRESENCE`; None if `text` is anything else."""
    found = _SIGHTING.fullmatch(text)
    try:
        presence = msgspec.json.decode(found[4], type=Presence) if found else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return Sighting(presence, *map(float, found.group(1, 2, 3))) if found and presence else None


def waited_for(
    accepted_at: float, seen: Seen, reported: Collection[str], is_finished: Callable[[str], bool]
) -> frozenset[str]:
    """The groups that an event waits for. It was accepted at `accepted_at`; the groups `reported` have begun it.

    The event waits for the groups that were alive in the day before it and had not left; if there is none, for
    `reported`. A silent group that has not finished is replaced by the living groups of its cluster that may see the
    same workloads: a changed KRT_NAMESPACES looks like this. A group that had left counts again once it is back.
    """
    left = left_before(accepted_at, seen)
    alive = [name for name in _alive_before(accepted_at, seen) if name not in left]
    if not alive:
        return frozenset(reported)
    return frozenset(word for name in alive for word in ({name} if is_finished(name) else _peers(name, seen) or {name}))


def left_before(accepted_at: float, seen: Seen) -> frozenset[str]:
    """The groups that were alive in the day before an event, and had left when it was accepted."""
    left = filter(seen.has_left, _alive_before(accepted_at, seen))
    return frozenset(name for name in left if seen.groups[name].last + 1 <= accepted_at)  # `last` is in whole seconds


def _alive_before(accepted_at: float, seen: Seen) -> list[str]:
    return [name for name, sighting in seen.groups.items() if sighting.was_alive_in_day_before(accepted_at)]


def _peers(name: str, seen: Seen) -> set[str]:
    if not seen.is_silent(name):
        return set()
    own = seen.groups[name].presence
    return {
        other
        for other, sighting in seen.groups.items()
        if cluster_of(other) == cluster_of(name) and not seen.is_silent(other) and sighting.presence.overlaps(own)
    }
