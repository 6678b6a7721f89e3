"""The mark of a restart, in the annotation `krt/event`: what it covers, whether it counts, and when it was made."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from krt.core.announce import event_id as event_ids
from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload
from krt.core.restart.times import CLOCKS_SECONDS, format_time, parse_time

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


def valid_mark(workload: Workload, position: JournalPosition, now: datetime) -> Mark | None:
    """The mark, if it may be believed: of this journal, not from its future, and its restart still in force."""
    mark = parse_mark(workload.mark)
    if mark is None or mark.journal != position.name or mark.covers > position.newest:
        return None
    return None if undone_mark(workload, now) else mark


def undone_mark(workload: Workload, now: datetime) -> Mark | None:
    """The mark of a restart that is in force no more, if that is what stands there.

    Whoever reverts the template (a GitOps controller, an operator) leaves the mark behind, and it lies. In force is
    the mark's own restart, or a later one; one of the future nobody has just made: that template is older than it says.
    """
    mark = parse_mark(workload.mark)
    written, in_force = parse_time(mark.restarted_at if mark else None), parse_time(workload.restarted_at)
    if mark is None or written is None or in_force == written:
        return None
    if in_force and not in_force.microsecond:  # `kubectl rollout restart` leaves out parts of seconds
        written = written.replace(microsecond=0)
    is_later = in_force is not None and written <= in_force <= now + timedelta(seconds=CLOCKS_SECONDS)
    return None if is_later else mark


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
