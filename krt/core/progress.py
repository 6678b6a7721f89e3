"""What is to be said of a followed workload: its object, the events that follow it, a sentence for each of them. Pure.

Which restart an event is about is read from the object's mark; how far that is, from its status. So any worker can go
on where another has stopped.
"""

from dataclasses import dataclass
from datetime import datetime

from krt.core.event_id import EventId
from krt.core.ports import Followed
from krt.core.report import GONE, Target, TargetState
from krt.core.restart import JournalPosition, Mark, parse_time, undone_mark, valid_mark
from krt.core.rollout import Counts, Progressing, Ready, Stage, Stuck, stage_of
from krt.core.workload import Workload

# While the event is in a worker's hand, a restart that was undone is made again (R1); so long nothing is said of it.
UNDONE_SECONDS = 90.0


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
    undone = undone_mark(workload)
    if undone and _is_told(undone, followed, position) and _seconds_since(undone, now) >= UNDONE_SECONDS:
        return Said(undone.covers, _undone(workload))
    return None


def _is_told(mark: Mark, followed: Followed, position: JournalPosition) -> bool:
    return mark.journal == position.name and followed.events[0] <= mark.covers <= position.newest


def _seconds_since(mark: Mark, now: datetime) -> float:
    began = parse_time(mark.restarted_at)
    return max(0.0, (now - began).total_seconds()) if began else 0.0


def _target(workload: Workload, mark: Mark, now: datetime, deadline_seconds: float) -> Target:
    stage, seconds = stage_of(workload), _seconds_since(mark, now)
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
    return _made(workload, stage, TargetState.RESTARTED, seconds, "", (stage.reason,))


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
