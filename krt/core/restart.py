"""Restart now, later, or not: the decision for one workload as it was read (docs/correctness.md, R1 to R3).

The decision is made anew from the object whenever it was read anew; nothing is remembered between.
"""

import math
import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta

from krt.core import event_id as event_ids
from krt.core.event_id import EventId
from krt.core.workload import Workload

# RFC 3339, section 5.6, as Kubernetes writes and reads it: upper case, an offset, no leap second.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-5][0-9])"
)


_CLOCKS_SECONDS = 10.0  # clocks that somebody looks after differ by less
_LATER = timedelta(seconds=1)  # by which two times differ even where one of them was cut to whole seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """What the annotation `krt/event` says: the restart at `restarted_at` covers everything up to `covers`."""

    journal: str
    covers: EventId
    restarted_at: str

    def __str__(self) -> str:
        return f"{self.journal} {self.covers} {self.restarted_at}"


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """The journal that ids are compared within, and the newest id it has given out."""

    name: str
    newest: EventId


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
    mark = valid_mark(workload, position)
    if mark and mark.covers >= event:
        return AlreadyRestarted(mark)
    seconds = 0.0 if workload.restarted_at == waited_out else _interval_left(workload, now, interval_seconds)
    return RestartLater(seconds) if seconds > 0 else RestartNow()


def valid_mark(workload: Workload, position: JournalPosition) -> Mark | None:
    """The mark, if it may be believed: of this journal, not from its future, and its restart still in force."""
    mark = parse_mark(workload.mark)
    if mark is None or mark.journal != position.name or mark.covers > position.newest:
        return None
    return None if undone_mark(workload) else mark


def undone_mark(workload: Workload) -> Mark | None:
    """The mark of a restart that is in force no more, if that is what stands there.

    Whoever reverts the template (a GitOps controller, an operator) leaves the mark behind, and it lies.
    """
    mark = parse_mark(workload.mark)
    written, in_force = parse_time(mark.restarted_at if mark else None), parse_time(workload.restarted_at)
    if written and in_force and not in_force.microsecond:  # `kubectl rollout restart` leaves out parts of seconds
        written = written.replace(microsecond=0)
    return mark if written and (in_force is None or in_force < written) else None


def next_restart(workload: Workload, now: datetime) -> str:
    """What `restartedAt` is set to by a restart that is made now: later than the one in force, whatever clock wrote it.

    So whoever puts back the template that was restarted puts back an earlier time, and `undone_mark` shows it.
    """
    in_force = parse_time(workload.restarted_at)
    return format_time(max(now, in_force + _LATER) if in_force else now)


def seconds_since_restart(workload: Workload, now: datetime) -> float:
    """How long ago the restart that the mark tells of was made; 0 if it tells of none.

    A time of the future is no clock's (`next_restart`): then it is counted from the newest event that was there.
    """
    mark = parse_mark(workload.mark)
    restarted_at = parse_time(mark.restarted_at) if mark else None
    if mark is None or restarted_at is None:
        return 0.0
    since = restarted_at.timestamp() if restarted_at <= now else mark.covers.milliseconds / 1000
    return max(0.0, now.timestamp() - since)


def odd_mark(workload: Workload, position: JournalPosition) -> str | None:
    """What is wrong with a mark that no worker of this journal can have written; None where one may have."""
    mark = parse_mark(workload.mark)
    if mark is None:
        return "malformed" if workload.mark else None
    if mark.journal == position.name and mark.covers > position.newest:
        return f"it covers {mark.covers}, the journal's newest is {position.newest}"
    return None


def parse_mark(text: str | None) -> Mark | None:
    """The mark that the annotation spells; None for none and for a malformed one."""
    parts = text.split(" ") if text else []
    if len(parts) != 3 or not parts[0] or parse_time(parts[2]) is None:
        return None
    try:
        return Mark(journal=parts[0], covers=event_ids.parse(parts[1]), restarted_at=parts[2])
    except ValueError:
        return None


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time with its offset, in UTC and cut to microseconds; None for none and for anything else.

    A time of the last year that there is counts as none: a restart could not be later (`next_restart`).
    """
    if not text or not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or one before year 1 in UTC
        return None
    return time if time.year < MAXYEAR else None


def is_after(time: str | None, event: EventId) -> bool:
    """Whether the RFC 3339 `time` is later than the event; not if it is none."""
    return _seconds_after(time, event) > 0


def is_anew(workload: Workload, event: EventId, *, age_seconds: float) -> bool:
    """Whether somebody else has created or restarted the workload since the event (C2), which is so many seconds old.

    Times of several clocks tell: where they leave a doubt, as one of the future does, nobody has. A restart of krt's
    own is not judged by its time, for its mark says what it covers.
    """
    mark = parse_mark(workload.mark)
    is_own = mark is not None and mark.restarted_at == workload.restarted_at
    times = (workload.created_at, None if is_own else workload.restarted_at)
    return any(_CLOCKS_SECONDS < _seconds_after(time, event) <= age_seconds for time in times)


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds: two restarts within one second differ (kubectl's own format cannot)."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds_after(time: str | None, event: EventId) -> float:
    parsed = parse_time(time)
    return parsed.timestamp() - event.milliseconds / 1000 if parsed else -math.inf


def _interval_left(workload: Workload, now: datetime, interval_seconds: float) -> float:
    restarted_at = parse_time(workload.restarted_at)
    if restarted_at is None:
        return 0.0
    left = interval_seconds - (now - restarted_at).total_seconds()
    return min(left, interval_seconds)
