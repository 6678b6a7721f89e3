"""Which clusters an event waits for: those whose workers were alive in the day before it, and had not left. Pure.

The workers of one cluster that see the same workloads are a group, `CLUSTER:SCOPE`; each group takes every event.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

ABSENT_SECONDS = 60.0  # workers say every 30 s that they are there
DAY_SECONDS = 24 * 3600.0

_SIGHTING = re.compile(r"([0-9]{1,11}) ([0-9]{1,11}) ([0-9]{1,11}) (\{.*\})")


class Presence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a group of workers says of itself. Without `namespaces` it sees all of them.

    `left`: its last worker was stopped in an orderly way, and none has been back since.
    """

    namespaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("Deployment",)
    require_opt_in: bool = False
    max_event_age_seconds: float = 3600.0
    left: bool = False

    def overlaps(self, other: "Presence") -> bool:
        """Whether there may be a workload that both see."""
        shared = set(self.namespaces) & set(other.namespaces) or not (self.namespaces and other.namespaces)
        return bool(shared and set(self.kinds) & set(other.kinds))

    def to_json(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a group was alive, in seconds since the epoch: from `first` to `last`, and for the last time before that
    `earlier` (0: never). A silence of less than a day is no break."""

    presence: Presence
    first: float
    last: float
    earlier: float = 0.0

    def was_alive_in_day_before(self, time: float) -> bool:
        """Whether it was seen in the 24 h before `time`. What is yet to be seen of it does not change that."""
        since = time - DAY_SECONDS
        return self.earlier >= since or (self.first <= time and self.last >= since)


@dataclass(frozen=True, slots=True)
class Seen:
    """Every group that has ever said that it is there and was not forgotten, and what time it is now."""

    groups: Mapping[str, Sighting]
    now: float

    def is_silent(self, group: str) -> bool:
        """Whether nothing is to be expected of it at present."""
        sighting = self.groups.get(group)
        return sighting is None or self.now - sighting.last > ABSENT_SECONDS

    def has_left(self, group: str) -> bool:
        """Whether its last worker was stopped, and none came back within a minute, as one does in an update."""
        return self.is_silent(group) and group in self.groups and self.groups[group].presence.left

    def and_now(self, group: str, presence: Presence) -> "Seen":
        """The same once this group, too, has said that it is there now."""
        known = self.groups.get(group)
        if known and self.now - known.last <= DAY_SECONDS:
            own = Sighting(presence, known.first, self.now, known.earlier)
        else:
            own = Sighting(presence, self.now, self.now, known.last if known else 0.0)
        return Seen({**self.groups, group: own}, self.now)


def group_name(cluster: str, presence: Presence) -> str:
    """The consumer group of all workers of a cluster that see the same workloads.

    Workers that see other workloads need a group of their own: in a shared one they would take events from each other.
    """
    scope = [sorted(presence.namespaces), sorted(presence.kinds), presence.require_opt_in]
    return f"{cluster}:{sha256(repr(scope).encode()).hexdigest()[:8]}"


def cluster_of(group: str) -> str:
    """The name of the cluster that the group works in."""
    return group.partition(":")[0]


def parse_sighting(text: str) -> Sighting | None:
    """What is stored of a group, `FIRST LAST EARLIER PRESENCE`; None where that is something else."""
    found = _SIGHTING.fullmatch(text)
    try:
        presence = msgspec.json.decode(found[4], type=Presence) if found else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return Sighting(presence, *map(float, found.group(1, 2, 3))) if found and presence else None


def waited_for(
    accepted_at: float, seen: Seen, reported: Collection[str], is_finished: Callable[[str], bool]
) -> frozenset[str]:
    """The groups whose word an event that was accepted then needs.

    Where none was alive before it, those that took it up. A silent one with business left is not waited for where a
    living one sees its workloads: that is what becomes of it when its worker's settings change. One that had left
    before the event is not waited for until it is back.
    """
    left = left_before(accepted_at, seen)
    alive = [name for name in _alive_before(accepted_at, seen) if name not in left]
    if not alive:
        return frozenset(reported)
    return frozenset(word for name in alive for word in ({name} if is_finished(name) else _heirs(name, seen) or {name}))


def left_before(accepted_at: float, seen: Seen) -> frozenset[str]:
    """The groups that were alive in the day before an event, and had left when it was accepted."""
    left = filter(seen.has_left, _alive_before(accepted_at, seen))
    return frozenset(name for name in left if seen.groups[name].last + 1 <= accepted_at)  # a second's beginning


def _alive_before(accepted_at: float, seen: Seen) -> list[str]:
    return [name for name, sighting in seen.groups.items() if sighting.was_alive_in_day_before(accepted_at)]


def _heirs(name: str, seen: Seen) -> set[str]:
    if not seen.is_silent(name):
        return set()
    own = seen.groups[name].presence
    return {
        other
        for other, sighting in seen.groups.items()
        if cluster_of(other) == cluster_of(name) and not seen.is_silent(other) and sighting.presence.overlaps(own)
    }
