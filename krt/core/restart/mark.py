"""The mark: the annotation `krt/event`, by which a workload itself shows for which events krt has restarted it.

Each restart for an event writes a mark, in the same patch as `restartedAt`. So no worker has to remember the restarts
of another.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from krt.core.announce import event_id as event_ids
from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload
from krt.core.restart.times import CLOCKS_SECONDS, format_time, parse_time

_LATER = timedelta(seconds=1)  # two times this far apart differ even if one of them is cut to whole seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """The parsed annotation: the restart at `restarted_at` (RFC 3339) covers each event of `journal` up to `covers`."""

    journal: str
    covers: EventId
    restarted_at: str

    def __str__(self) -> str:
        return f"{self.journal} {self.covers} {self.restarted_at}"


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """A journal's name and the newest id that it has given out. Ids can be compared within one journal only."""

    name: str
    newest: EventId


def valid_mark(workload: Workload, position: JournalPosition, now: datetime) -> Mark | None:
    """The workload's mark, if it is of this journal and not from its future, and the restart is in force; else None."""
    mark = parse_mark(workload.mark)
    if mark is None or mark.journal != position.name or mark.covers > position.newest:
        return None
    return None if undone_mark(workload, now) else mark


def undone_mark(workload: Workload, now: datetime) -> Mark | None:
    """The workload's mark, if its restart is no longer in force; otherwise None.

    A GitOps controller or a person who reverts the pod template leaves the mark in place, which is then wrong. The
    restart is in force if the template's `restartedAt` is the mark's or later. A `restartedAt` in the future does not
    count as later: no clock has written it just now, so it belongs to an older template.
    """
    mark = parse_mark(workload.mark)
    return None if mark is None or is_in_force(mark.restarted_at, workload, now) else mark


def is_in_force(made_at: str, workload: Workload, now: datetime) -> bool:
    """Whether the restart made at `made_at`, an RFC 3339 time, still stands on the template, or a later one does."""
    written, in_force = parse_time(made_at), parse_time(workload.restarted_at)
    if written is None or in_force is None:
        return False
    if in_force == written:
        return True
    if not in_force.microsecond:  # `kubectl rollout restart` writes whole seconds
        written = written.replace(microsecond=0)
    return written <= in_force <= now + timedelta(seconds=CLOCKS_SECONDS)


def next_restart(workload: Workload, now: datetime) -> str:
    """The `restartedAt` for a restart at `now`: later than that of the template, even if this one is in the future.

    If somebody reverts the template afterwards, an earlier time comes back: so `undone_mark` notices the revert.
    """
    in_force = parse_time(workload.restarted_at)
    return format_time(max(now, in_force + _LATER) if in_force else now)


def seconds_since_restart(workload: Workload, now: datetime) -> float:
    """How many seconds ago the mark's restart was made; 0 if the workload has no mark.

    If the mark's time is in the future, `next_restart` moved it there. Then the seconds are counted from the newest
    event that the mark covers.
    """
    mark = parse_mark(workload.mark)
    restarted_at = parse_time(mark.restarted_at) if mark else None
    if mark is None or restarted_at is None:
        return 0.0
    since = restarted_at.timestamp() if restarted_at <= now else mark.covers.milliseconds / 1000
    return max(0.0, now.timestamp() - since)


def odd_mark(workload: Workload, position: JournalPosition) -> str | None:
    """The problem with a mark that no worker of this journal can have written; None if one may have written it."""
    mark = parse_mark(workload.mark)
    if mark is None:
        return "malformed" if workload.mark else None
    if mark.journal == position.name and mark.covers > position.newest:
        return f"it covers {mark.covers}, the journal's newest is {position.newest}"
    return None


def parse_mark(text: str | None) -> Mark | None:
    """The mark that the annotation's text spells; None if there is no annotation or the text is malformed."""
    parts = text.split(" ") if text else []
    if len(parts) != 3 or not parts[0] or parse_time(parts[2]) is None:
        return None
    try:
        return Mark(journal=parts[0], covers=event_ids.parse(parts[1]), restarted_at=parts[2])
    except ValueError:
        return None
