"""The report of an event: what each group of workers says of it, target by target, as it is stored and read. Pure.

Stored, a report is a hash: the event's own fields, a field for each group of workers, a field for each target. What
cannot be read (somebody's hand, a newer krt) makes no report unreadable: it is shown as something still to come.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import msgspec

from krt.core.event_id import EventId
from krt.core.workload import WorkloadKey

MOST_TARGETS = 1000  # that are told one by one once they have ended well; of more the number
LAST = 2**53  # a version above every resource version: nothing that is still on its way takes a last word back
ENDED = "ended"  # the field that holds the final state somebody was told

S = TypeVar("S", "Target", "Group")


class TargetState(StrEnum):
    """What became of one workload."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"
    WOULD_RESTART = "would_restart"


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


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """One workload of a report. `version` orders what is said of one `uid`; after what is `final` nothing else is.

    `served_since`: where others have made the restart, or created the workload (C2), from when on that is followed.
    """

    state: TargetState
    reason: str = ""
    warnings: tuple[str, ...] = ()
    updated: int = 0
    available: int = 0
    desired: int = 0
    seconds: float = 0.0
    uid: str = ""
    version: int = 0
    served_since: str = ""
    final: bool = False

    def to_json(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one group of workers (a cluster, in one scope) says of the event."""

    state: GroupState
    reason: str = ""
    workloads: int = 0  # how many there are, where that is more than MOST_TARGETS
    final: bool = False

    def to_json(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Standing:
    """How an event stands with one workload: whether its entry is acknowledged, and what was said of it last."""

    settled: bool
    target: Target | None


_UNREADABLE = "what is stored of it cannot be read"
ODD_TARGET = Target(TargetState.WAITING, reason=_UNREADABLE)
ODD_GROUP = Group(GroupState.WAITING, reason=_UNREADABLE)


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is read: `event` the fields of the journal's entry."""

    id: EventId
    event: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    targets: Mapping[tuple[str, WorkloadKey], Target] = field(default_factory=dict)
    done: frozenset[str] = frozenset()  # groups with workloads that ended well and are not among the targets

    @property
    def accepted_at(self) -> float:
        """By Valkey's clock, in seconds since the epoch."""
        return self.id.milliseconds / 1000

    @property
    def ended(self) -> EventState | None:
        """The final state that somebody was told: it stays, whatever comes later."""
        told = self.event.get(ENDED)
        return EventState(told) if told in FINAL else None

    def targets_of(self, groups: Iterable[str]) -> list[Target]:
        """What these groups say of their workloads."""
        wanted = frozenset(groups)
        return [target for (group, _), target in self.targets.items() if group in wanted]


def group_field(group: str) -> str:
    """The field of one group of workers."""
    return f"group/{group}"


def target_field(group: str, key: WorkloadKey) -> str:
    """The field of one workload."""
    return f"target/{group}/{key.kind}/{key.namespace}/{key.name}"


def warnings_field(group: str, key: WorkloadKey) -> str:
    """The field of what was odd about one workload when it was matched, which holds however its rollout goes on."""
    return f"warnings/{group}/{key.kind}/{key.namespace}/{key.name}"


def parse(event: EventId, fields: Mapping[str, str]) -> Report:
    """The report that these fields of the hash are."""
    groups = {name.partition("/")[2]: parse_group(text) for name, text in fields.items() if name.startswith("group/")}
    warnings = {place: _warnings(text) for place, text in _placed("warnings", fields)}
    targets = {place: _warned(parse_target(text), warnings.get(place, ())) for place, text in _placed("target", fields)}
    done = frozenset(name.partition("/")[2] for name in fields if name.startswith("done/"))
    return Report(event, {name: text for name, text in fields.items() if "/" not in name}, groups, targets, done)


def parse_group(text: str) -> Group:
    """A group's field, as `to_json` wrote it."""
    return _decoded(text, Group) or ODD_GROUP


def parse_target(text: str) -> Target:
    """A target's field, as `to_json` wrote it."""
    return _decoded(text, Target) or ODD_TARGET


def _decoded(text: str, kind: type[S]) -> S | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _warnings(text: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return ()


def _warned(target: Target, warnings: tuple[str, ...]) -> Target:
    both = tuple(dict.fromkeys((*warnings, *target.warnings)))
    return target if both == target.warnings else msgspec.structs.replace(target, warnings=both)


def _placed(what: str, fields: Mapping[str, str]) -> Iterable[tuple[tuple[str, WorkloadKey], str]]:
    for name, text in fields.items():
        first, *rest = name.split("/")
        if first == what and len(rest) == 4:
            yield (rest[0], WorkloadKey(*rest[1:])), text


def to_json_list(texts: Iterable[str]) -> str:
    """How warnings are stored."""
    return json.dumps(list(texts))
