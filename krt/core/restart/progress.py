"""The state of a workload in the reports of the events that its rollout is followed for. Pure.

A restart by krt covers events, which the object's mark shows. A restart or creation by somebody else may serve an
event: it came later than the event, so the event needs no restart (docs/correctness.md, C2). The object's status shows
how far the rollout is. The report has two facts that the object may no longer show: at which resource version a restart
was reported, and whether a restart by others serves the event. No worker has to remember anything, so any worker can go
on where another one stopped.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from krt.core.announce.event_id import EventId
from krt.core.kube.rollout import NO_PODS, Counts, Progressing, Ready, Stage, has_no_pods, stage_of
from krt.core.kube.workload import Workload
from krt.core.reason import readable
from krt.core.report.report import Standing
from krt.core.report.target import LAST, Target, TargetState
from krt.core.restart.mark import JournalPosition, seconds_since_restart, undone_mark, valid_mark
from krt.core.restart.matching import going
from krt.core.restart.outcome import Covered, Expired, Failed, Outcome, Restarted, Superseded, Unmatched
from krt.core.restart.times import is_after, parse_time

DELETED = "it was deleted"
GONE = "deleted and recreated without the restart"
TAKEN_BACK = "the restart was taken back"
NOT_MADE = "not restarted, and no worker is about to restart it"


def covers(workload: Workload, position: JournalPosition, now: datetime) -> EventId | None:
    """The newest event that krt's restart covers, as long as that restart is in force; None if there is none."""
    mark = valid_mark(workload, position, now)
    return mark.covers if mark else None


def serves(workload: Workload, standings: Mapping[EventId, Standing]) -> tuple[EventId, str] | None:
    """The newest event that a restart or creation by others serves, and since when its rollout is followed (RFC 3339).

    None if there is no such event: no report says so, the object no longer shows the time that proved it, or `workload`
    is an older version than the one that proved it.
    """
    since = {
        event: standing.target.served_since
        for event, standing in standings.items()
        if standing.target and standing.target.served_since and standing.target.version <= _version(workload)
    }
    newest = max((event for event in since if _is_newer(workload, event)), default=None)
    return (newest, since[newest]) if newest else None


def say(workload: Workload, *, now: datetime, deadline_seconds: float, served_since: str = "") -> Target:
    """The state of the rollout that the restart in force began.

    Without `served_since` that is krt's restart; otherwise it is one by others, which krt has followed since that time.
    """
    seconds = _seconds_since(served_since, now) if served_since else seconds_since_restart(workload, now)
    target = _say(workload, seconds, deadline_seconds)
    return replace(target, served_since=served_since)


def _say(workload: Workload, seconds: float, deadline_seconds: float) -> Target:
    stage = stage_of(workload)
    if leaving := going(workload):
        return _made(workload, stage, TargetState.SKIPPED, seconds, leaving)
    match stage:
        case Progressing(_, reason) if seconds > deadline_seconds:
            why = readable(_no_end(workload, stage.counts, deadline_seconds), reason, workload.status.unavailable)
            return _made(workload, stage, TargetState.FAILED, seconds, why)
        case Progressing():
            return _on_its_way(workload, stage)
        case Ready():
            warnings = (NO_PODS,) if has_no_pods(workload) else ()
            return _made(workload, stage, TargetState.READY, seconds, warnings=warnings)
    return _made(workload, stage, TargetState.FAILED, seconds, stage.reason)


def say_end(
    workload: Workload | None,
    standings: Mapping[EventId, Standing],
    position: JournalPosition,
    *,
    now: datetime,
    is_recreated: bool = False,
) -> Mapping[EventId, Target]:
    """The final states for events that no restart in force covers.

    There are none while a worker still works on one of the events, or while a report shows this version of the workload
    or a newer one. `workload` is None if it no longer exists; `is_recreated` is true if another object has its name.
    """
    if not all(standing.settled for standing in standings.values()):
        return {}  # the worker that still has an unsettled event may restart the workload, for all of these events
    if workload is None:
        return dict.fromkeys(standings, _lost(GONE) if is_recreated else _left(DELETED))
    if is_behind(workload, standings):
        return {}
    newest = max(_restarted(standings), default=None)
    return {event: _end(workload, event, newest, position, now) for event in standings}


def is_behind(workload: Workload, standings: Mapping[EventId, Standing]) -> bool:
    """Whether a report already shows this version of the object or a newer one."""
    return _version(workload) <= max(_restarted(standings).values(), default=-1)


def say_unheard(
    standings: Mapping[EventId, Standing], *, now: datetime, deadline_seconds: float
) -> Mapping[EventId, Target]:
    """The final states for the events that are older than the deadline; none while a worker works on one of them.

    Call it if nothing was heard of the workload for the time of the deadline.
    """
    late = {event: each for event, each in standings.items() if _age_seconds(event, now) > deadline_seconds}
    if not all(standing.settled for standing in late.values()):
        return {}
    return dict.fromkeys(late, _lost(f"nothing heard of the workload for {deadline_seconds:g} s"))


def of_outcome(outcome: Outcome) -> Target | None:
    """The state of a workload when its event is acknowledged; None if a newer event's restart will provide it."""
    match outcome:
        case Restarted(workload=workload):
            return _on_its_way(workload, stage_of(workload))
        case Covered(workload=workload, served_since=since):
            return replace(_on_its_way(workload, stage_of(workload)), served_since=since)
        case Failed(reason) | Expired(reason):
            return _lost(reason)
        case Unmatched(reason):
            return _left(reason)
        case Superseded():
            return None


def _no_end(workload: Workload, counts: Counts, deadline_seconds: float) -> str:
    if workload.bundle:
        return f"no end within {deadline_seconds:g} s"
    # A DaemonSet has no conditions, and a Deployment with enough old pods is Available. The numbers of pods show more.
    pods = f"{counts.updated} of {counts.desired} updated, {counts.available} available"
    return f"no end within {deadline_seconds:g} s: {pods}"


def _restarted(standings: Mapping[EventId, Standing]) -> dict[EventId, int]:
    """The events whose report says that a restart was made, each with the object's version at that time."""
    return {
        event: standing.target.version
        for event, standing in standings.items()
        if standing.target and standing.target.state is TargetState.PROGRESSING
    }


def _lost(reason: str) -> Target:
    return Target(TargetState.FAILED, reason=readable(reason), version=LAST)


def _left(reason: str) -> Target:
    return Target(TargetState.SKIPPED, reason=readable(reason), version=LAST)


def _age_seconds(event: EventId, now: datetime) -> float:
    return now.timestamp() - event.milliseconds / 1000


def _end(
    workload: Workload, event: EventId, restarted: EventId | None, position: JournalPosition, now: datetime
) -> Target:
    stage, mark = stage_of(workload), undone_mark(workload, now)
    if leaving := going(workload):
        return _made(workload, stage, TargetState.SKIPPED, reason=leaving)
    if mark and mark.journal == position.name and event <= mark.covers <= position.newest:
        # The mark is in place and its restart is not: another writer has reverted the template.
        by = f" by {workload.last_manager}" if workload.last_manager else ""
        return _made(workload, stage, TargetState.FAILED, reason=f"restart undone{by}")
    if restarted and event <= restarted:
        return _made(workload, stage, TargetState.FAILED, reason=f"{TAKEN_BACK}{_taken_back_by(workload, event)}")
    return _made(workload, stage, TargetState.FAILED, reason=NOT_MADE)


def _taken_back_by(workload: Workload, event: EventId) -> str:
    # If the mark is gone, krt's entry in managedFields is gone, too, and does not show who wrote after krt. A manager
    # that wrote before the event, or in its second, may not be the one who reverted it.
    was_it = is_after(workload.last_managed_at, event)
    return f" by {workload.last_manager}" if was_it and workload.last_manager else ""


def _is_newer(workload: Workload, event: EventId) -> bool:
    return is_after(workload.created_at, event) or is_after(workload.restarted_at, event)


def _seconds_since(time: str, now: datetime) -> float:
    began = parse_time(time)
    return max(0.0, (now - began).total_seconds()) if began else 0.0


def _on_its_way(workload: Workload, stage: Stage) -> Target:
    reason = stage.reason if isinstance(stage, Progressing) else ""
    return _made(workload, stage, TargetState.PROGRESSING, reason=reason)


def _made(
    workload: Workload,
    stage: Stage,
    state: TargetState,
    seconds: float = 0.0,
    reason: str = "",
    warnings: tuple[str, ...] = (),
) -> Target:
    counts = stage.counts
    return Target(
        state,
        reason=readable(reason),
        warnings=warnings,
        updated=counts.updated,
        available=counts.available,
        desired=counts.desired,
        seconds=round(seconds, 1),
        uid=workload.uid,
        version=_version(workload),
        digest=workload.bundle.digest if workload.bundle and state is TargetState.READY else "",
    )


def _version(workload: Workload) -> int:
    return int(workload.resource_version) if workload.resource_version.isdecimal() else 0
