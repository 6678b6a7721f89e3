"""Restart now, later, or not: the decision for one workload as it was read (docs/correctness.md, R1 to R3).

The decision is made anew from the object whenever it was read anew; nothing is remembered between.
"""

from dataclasses import dataclass
from datetime import datetime

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload
from krt.core.restart.mark import JournalPosition, Mark, parse_mark, valid_mark
from krt.core.restart.times import CLOCKS_SECONDS, is_after, parse_time, seconds_after


@dataclass(frozen=True, slots=True)
class RestartNow:
    """Patch the object that was read."""


@dataclass(frozen=True, slots=True)
class RestartLater:
    """The last restart is younger than the interval: read and decide again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AlreadyRestarted:
    """A restart that covers the event is on the object."""

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
    """What to do for `event`, a match of `workload`. `now` is aware, in UTC.

    `waited_out` is the `restarted_at` that RestartLater was answered for, when so many seconds have passed since.
    A time in the future, from a clock that is ahead, thus delays a restart by one interval and never silences it.
    """
    mark = valid_mark(workload, position, now)
    if mark and mark.covers >= event:
        return AlreadyRestarted(mark)
    seconds = 0.0 if workload.restarted_at == waited_out else _interval_left(workload, now, interval_seconds)
    return RestartLater(seconds) if seconds > 0 else RestartNow()


def is_anew(workload: Workload, event: EventId, *, age_seconds: float) -> bool:
    """Whether somebody else has created or restarted the workload since the event (C2), which is so many seconds old.

    Times of several clocks tell: where they leave a doubt, as one of the future does, nobody has. Of a restart the API
    server's own clock must say, too, that somebody has written since. A restart of krt's own is not judged by its time,
    for its mark says what it covers.
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
