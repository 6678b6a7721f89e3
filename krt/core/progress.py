"""What is to be said of a followed workload: its object, the events that follow it, a sentence for each of them. Pure.

Which restart an event is about is read from the object's mark; how far that is, from its status. So any worker can go
on where another has stopped.
"""

from dataclasses import dataclass
from datetime import datetime

from krt.core.event_id import EventId
from krt.core.ports import Followed
from krt.core.report import GONE, Target, TargetState
from krt.core.restart import JournalPosition, Mark, parse_mark, parse_time, valid_mark
from krt.core.rollout import Counts, Progressing, Ready, Stage, Stuck, Untracked, stage_of
from krt.core.workload import Workload


@dataclass(frozen=True, slots=True)
class Said:
    """What is said for every followed event up to `upto`."""

    upto: EventId
    target: Target


def say(
    workload: Workload | None, followed: Followed, position: JournalPosition, *, now: datetime, deadline_seconds: float
) -> Said | None:
    """The newest there is to say; None while the events wait for their restart."""
    if workload is None or workload.uid != followed.uid:
        return Said(followed.events[-1], GONE)
    mark = valid_mark(workload, position)
    if mark and mark.covers >= followed.events[0]:
        return Said(mark.covers, _target(workload, mark, now, deadline_seconds))
    undone = parse_mark(workload.mark)
    if (
        undone
        and mark is None
        and undone.journal == position.name
        and followed.events[0] <= undone.covers <= position.newest
    ):
        return Said(undone.covers, _undone(workload))
    return None


def _target(workload: Workload, mark: Mark, now: datetime, deadline_seconds: float) -> Target:
    stage, began = stage_of(workload), parse_time(mark.restarted_at)
    seconds = max(0.0, (now - began).total_seconds()) if began else 0.0
    if isinstance(stage, Progressing) and seconds > deadline_seconds:
        return _made(workload, stage, TargetState.FAILED, seconds, f"no end within {deadline_seconds:g} s")
    match stage:
        case Progressing():
            return _made(workload, stage, TargetState.PROGRESSING, 0.0, "")
        case Ready():
            warnings = ("zero replicas",) if workload.replicas == 0 else ()
            return _made(workload, stage, TargetState.READY, seconds, "", warnings)
        case Stuck(_, reason):
            return _made(workload, stage, TargetState.FAILED, seconds, reason)
        case Untracked(_, reason):
            return _made(workload, stage, TargetState.RESTARTED, seconds, "", (reason,))


def _undone(workload: Workload) -> Target:
    # The mark is there, its restart is not: another writer has put the template back.
    by = f" by {workload.last_manager}" if workload.last_manager else ""
    return _made(workload, stage_of(workload), TargetState.FAILED, 0.0, f"restart undone{by}")


def _made(
    workload: Workload, stage: Stage, state: TargetState, seconds: float, reason: str, warnings: tuple[str, ...] = ()
) -> Target:
    counts: Counts = stage.counts
    return Target(
        state,
        reason=reason,
        warnings=warnings,
        updated=counts.updated,
        available=counts.available,
        desired=counts.desired,
        seconds=round(seconds, 1),
        version=int(workload.resource_version) if workload.resource_version.isdecimal() else 0,
        final=state is not TargetState.PROGRESSING,
    )
