"""The report of an event: what each cluster says of it, target by target, and what that amounts to. Pure.

Stored, a report is a hash: the event's own fields, a field for each group of workers, a field for each target.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from krt.core.event_id import EventId
from krt.core.workload import WorkloadKey

MOST_TARGETS = 1000  # that are told one by one; of more the number


class TargetState(StrEnum):
    """What became of one workload."""

    WAITING = "waiting"
    RESTARTED = "restarted"  # and nothing follows it: paused, OnDelete
    PROGRESSING = "progressing"
    READY = "ready"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    WOULD_RESTART = "would_restart"


class GroupState(StrEnum):
    """What the workers of one cluster have done with the event."""

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


@dataclass(frozen=True, slots=True)
class Target:
    """One workload of a report. `version` orders what is said of it; after what is `final` nothing else is."""

    state: TargetState
    reason: str = ""
    warnings: tuple[str, ...] = ()
    updated: int = 0
    available: int = 0
    desired: int = 0
    seconds: float = 0.0
    version: int = 0
    final: bool = False

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__ if getattr(self, name)})


@dataclass(frozen=True, slots=True)
class Group:
    """What one group of workers (a cluster, in one scope) says of the event."""

    state: GroupState
    reason: str = ""
    more: int = 0  # targets beyond those that are told one by one
    final: bool = False

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__ if getattr(self, name)})


GONE = Target(TargetState.FAILED, reason="deleted or recreated", version=2**53, final=True)


def group_field(group: str) -> str:
    """The field of one group of workers: `CLUSTER:SCOPE`."""
    return f"group/{group}"


def target_field(group: str, key: WorkloadKey) -> str:
    """The field of one workload."""
    return f"target/{group}/{key.kind}/{key.namespace}/{key.name}"


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it is read: `event` the fields of the journal's entry."""

    id: EventId
    event: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    targets: Mapping[tuple[str, WorkloadKey], Target] = field(default_factory=dict)


def parse(event: EventId, fields: Mapping[str, str]) -> Report:
    """The report that these fields of the hash are."""
    groups = {_rest(name): parse_group(text) for name, text in fields.items() if name.startswith("group/")}
    targets = {_target_of(name): _target(text) for name, text in fields.items() if name.startswith("target/")}
    return Report(event, {name: text for name, text in fields.items() if "/" not in name}, groups, targets)


def parse_group(text: str) -> Group:
    """A group's field, as `to_json` wrote it."""
    fields = json.loads(text)
    return Group(**{**fields, "state": GroupState(fields["state"])})


@dataclass(frozen=True, slots=True)
class Seen:
    """The groups whose workers reported, by when (seconds since the epoch), and what time it is now."""

    groups: Mapping[str, float]
    now: float
    absent_seconds: float = 60.0
    event_age_seconds: float = 3600.0


def state_of(report: Report, seen: Seen) -> EventState:
    """What the report amounts to, over all clusters that are to be waited for."""
    states = [target.state for target in report.targets.values()]
    finished = {group.state for group in report.groups.values() if group.final}
    if "dry_run" in report.event:
        return EventState.DONE if _all_final(report, seen) else EventState.ACCEPTED
    if TargetState.FAILED in states or GroupState.FAILED in finished:
        return EventState.FAILED
    if not _all_final(report, seen):
        too_old = seen.now - report.id.milliseconds / 1000 > seen.event_age_seconds
        nobody = not any(not target.final for target in report.targets.values())
        if too_old and nobody:
            return EventState.EXPIRED
        return EventState.ROLLING if states else EventState.ACCEPTED
    if GroupState.EXPIRED in finished:
        return EventState.EXPIRED
    done = {TargetState.READY, TargetState.RESTARTED, TargetState.SUPERSEDED}
    return EventState.READY if done & set(states) else EventState.NO_MATCH


def absent(report: Report, seen: Seen) -> tuple[str, ...]:
    """The groups that are waited for and silent."""
    return tuple(
        group
        for group in sorted(_expected(report, seen))
        if not _group_is_final(report, group) and seen.now - seen.groups.get(group, 0) > seen.absent_seconds
    )


def document(report: Report, seen: Seen) -> dict[str, Any]:
    """The report as the job, the log and the page are shown it."""
    event = report.event
    accepted = report.id.milliseconds / 1000
    return {
        "id": str(report.id),
        "state": state_of(report, seen),
        "image": event.get("image", ""),
        "tags": json.loads(event.get("tags", "[]")),
        "accepted_at": _time(accepted),
        "by": {"repository": event.get("repository", ""), "run": event.get("run_url", "")},
        "clusters": [_group_document(name, report, seen) for name in sorted(_expected(report, seen))],
        "targets": [_target_document(*place, report.targets[place]) for place in sorted(report.targets)],
    }


def _expected(report: Report, seen: Seen) -> set[str]:
    """Every group that said something, and every one that was alive in the day before the event."""
    day_before = report.id.milliseconds / 1000 - 24 * 3600
    return set(report.groups) | {name for name, at in seen.groups.items() if at >= day_before}


def _all_final(report: Report, seen: Seen) -> bool:
    expected = _expected(report, seen)
    settled = bool(expected) and all(_group_is_final(report, group) for group in expected)
    return settled and all(target.final for target in report.targets.values())


def _group_is_final(report: Report, group: str) -> bool:
    return group in report.groups and report.groups[group].final


def _group_document(name: str, report: Report, seen: Seen) -> dict[str, Any]:
    group = report.groups.get(name)
    silent = name in absent(report, seen)
    said = {"name": name.partition(":")[0], "state": "absent" if silent else group.state if group else "waiting"}
    more = {"more": group.more} if group and group.more else {}
    reason = {"reason": group.reason} if group and group.reason else {}
    seen_at = {"seen_at": _time(seen.groups[name])} if name in seen.groups else {}
    return {**said, **reason, **more, **seen_at}


def _target_document(group: str, key: WorkloadKey, target: Target) -> dict[str, Any]:
    return {
        "cluster": group.partition(":")[0],
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "state": target.state,
        "updated": target.updated,
        "available": target.available,
        "desired": target.desired,
        "seconds": target.seconds,
        "warnings": list(target.warnings),
        **({"reason": target.reason} if target.reason else {}),
    }


def _target_of(name: str) -> tuple[str, WorkloadKey]:
    _, group, kind, namespace, workload = name.split("/", 4)
    return group, WorkloadKey(kind, namespace, workload)


def _rest(name: str) -> str:
    return name.partition("/")[2]


def _target(text: str) -> Target:
    fields = json.loads(text)
    return Target(**{**fields, "state": TargetState(fields["state"]), "warnings": tuple(fields.get("warnings", ()))})


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
