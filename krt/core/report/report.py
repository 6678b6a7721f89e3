"""The report of an event: what each group of workers says of it, and of each of its workloads. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.report.target import Target

MOST_TARGETS = 1000  # that a report lists one by one; of those beyond it that ended well, only the number
ENDED = "ended"  # the field that holds the first final state that krt web answered


class GroupState(StrEnum):
    """What the workers of one cluster have done with the event."""

    WAITING = "waiting"  # nothing yet
    MATCHED = "matched"  # its workloads are known, and are being restarted
    SETTLED = "settled"  # each of them was restarted, or it is known why not
    NO_MATCH = "no_match"
    FAILED = "failed"
    EXPIRED = "expired"


class EventState(StrEnum):
    """What all of it amounts to."""

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
    """What one group of workers (a cluster, in one scope) says of the event."""

    state: GroupState
    reason: str = ""
    workloads: int = 0  # how many there are, where that is more than MOST_TARGETS
    final: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How an event stands with one workload: whether its entry is acknowledged, and what was said of it last."""

    settled: bool
    target: Target | None


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is read: `event` the fields of the journal's entry."""

    id: EventId
    event: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    targets: Mapping[tuple[str, ObjectKey], Target] = field(default_factory=dict)
    done: frozenset[str] = frozenset()  # groups with workloads that ended well and are not among the targets

    @property
    def accepted_at(self) -> float:
        """By Valkey's clock, in seconds since the epoch."""
        return self.id.milliseconds / 1000

    @property
    def ended(self) -> EventState | None:
        """The first final state that krt web answered: it stays, whatever comes later."""
        ended = self.event.get(ENDED)
        return EventState(ended) if ended in FINAL else None

    def targets_of(self, groups: Iterable[str]) -> list[Target]:
        """What these groups say of their workloads."""
        wanted = frozenset(groups)
        return [target for (group, _), target in self.targets.items() if group in wanted]
