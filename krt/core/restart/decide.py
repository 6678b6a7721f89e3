"""The decision to restart a workload now, later or not at all (docs/correctness.md, R1 to R3).

It depends on the object as it was read, and on no earlier decision: after each read, decide again.
"""

from dataclasses import dataclass
from datetime import datetime

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload
from krt.core.restart.mark import JournalPosition, Mark, parse_mark, valid_mark
from krt.core.restart.times import CLOCKS_SECONDS, is_after, parse_time, seconds_after


@dataclass(frozen=True, slots=True)
class RestartNow:
    """Patch the object, guarded by the resource version that was read."""


@dataclass(frozen=True, slots=True)
class RestartLater:
    """The last restart is younger than the interval: read the object and decide again after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AlreadyRestarted:
    """The object's mark shows a restart that covers the event."""

    mark: Mark


Decision = RestartNow | RestartLater | AlreadyRestarted


def decide(
    workload: Workload,
    event: EventId,
    position: JournalPosition,
    *,
    now: datetime,
    interval_seconds: float,
    waited_out: str | None = None,
) -> Decision:
    """The decision for `event`, which `workload` matches. `now` is an aware datetime in UTC.

    `interval_seconds` is the least time between two restarts of a workload. Once the seconds of a RestartLater are
    over, pass the workload's `restarted_at` as `waited_out`: the same `restarted_at` then delays the restart no more.
    So a `restarted_at` in the future, from a clock that is ahead, delays a restart once and never prevents it.
    """
    mark = valid_mark(workload, position, now)
    if mark and mark.covers >= event:
        return AlreadyRestarted(mark)
    seconds = 0.0 if workload.restarted_at == waited_out else _interval_left(workload, now, interval_seconds)
    return RestartLater(seconds) if seconds > 0 else RestartNow()


def is_anew(workload: Workload, event: EventId, *, age_seconds: float) -> bool:
    """Whether anybody but a worker has created or restarted the workload since the event (docs/correctness.md, C2).

    `age_seconds` is the event's age. The compared times come from several clocks: if they leave a doubt, as a time in
    the future does, the answer is no. A restart counts only if the API server's clock, too, shows a write since the
    event. A restart by a worker never counts here, because its mark says which events it covers.
    """
    mark = parse_mark(workload.mark)
    is_own = mark is not None and mark.restarted_at == workload.restarted_at
    is_since = is_after(workload.last_managed_at, event)
    times = (workload.created_at, workload.restarted_at if is_since and not is_own else None)
    return any(CLOCKS_SECONDS < seconds_after(time, event) <= age_seconds for time in times)


def _interval_left(workload: Workload, now: datetime, interval_seconds: float) -> float:
    restarted_at = parse_time(workload.restarted_at)
    if restarted_at is None:
        return 0.0
    left = interval_seconds - (now - restarted_at).total_seconds()
    return min(left, interval_seconds)
