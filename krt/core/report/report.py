"""The report of an event: the state of each group of workers, and of each workload that a group matched. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.report.target import Target

MOST_TARGETS = 1000  # workloads that a report keeps after they ended well; further ones are only counted
ENDED = "ended"  # the hash field that holds the first final state that krt web answered


class GroupState(StrEnum):
    """How far a group of workers is with the event."""

    WAITING = "waiting"  # nothing yet
    MATCHED = "matched"  # its workloads are known, and are being restarted
    SETTLED = "settled"  # each of them was restarted, or it is known why not
    NO_MATCH = "no_match"
    FAILED = "failed"
    EXPIRED = "expired"


class EventState(StrEnum):
    """The state of the event as a whole; `core.report.conclusion` derives it."""

    ACCEPTED = "accepted"
    ROLLING = "rolling"
    READY = "ready"
    FAILED = "failed"
    NO_MATCH = "no_match"
    EXPIRED = "expired"
    DONE = "done"  # a dry-run


FINAL = frozenset({EventState.READY, EventState.FAILED, EventState.NO_MATCH, EventState.EXPIRED, EventState.DONE})
FINAL_GROUPS = frozenset(GroupState) - {GroupState.WAITING, GroupState.MATCHED}


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of an event in one group of workers (a cluster, in one scope)."""

    state: GroupState
    reason: str = ""
    workloads: int = 0  # the number of matched workloads, if it is more than MOST_TARGETS
    final: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How an event stands with one workload: whether the entry is acknowledged, and the target last written."""

    settled: bool
    target: Target | None


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it was read from Valkey.

    `event` has the fields of the journal's entry, `targets` a target for each group's name and workload.
    """

    id: EventId
    event: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    targets: Mapping[tuple[str, ObjectKey], Target] = field(default_factory=dict)
    done: frozenset[str] = frozenset()  # groups with workloads that ended well and are not among the targets

    @property
    def accepted_at(self) -> float:
        """When the event was accepted, in seconds since the epoch by Valkey's clock."""
        return self.id.milliseconds / 1000

    @property
    def ended(self) -> EventState | None:
        """The first final state that krt web answered, if any. It stays the event's state."""
        ended = self.event.get(ENDED)
        return EventState(ended) if ended in FINAL else None

    def targets_of(self, groups: Iterable[str]) -> list[Target]:
        """The targets of all workloads of these groups."""
        wanted = frozenset(groups)
        return [target for (group, _), target in self.targets.items() if group in wanted]
