"""What coalescing allows, and whether the restarts of one Deployment are that. Pure.

The model. Let I be the least interval, e₁ < e₂ < … the accepted events that name the Deployment (all there are in the
journal: an event may be accepted though nobody heard the 202), R₁ < R₂ < … its restarts, and C₁, C₂, … what their marks
say they cover. Then, whatever is killed, paused or cut:

 1. nothing is lost:   the last C ≥ the last e, and the last R is not before the moment of the last e;
 2. nothing is twice:  some e lies in (Cₖ₋₁, Cₖ] (with C₀ before everything): each restart had an event of its own;
 3. coalesced:         Rₖ - Rₖ₋₁ ≥ I;
 4. marks go forward:  Cₖ > Cₖ₋₁, never beyond the journal's newest id;
 5. covering:          a restart covers every event accepted before it, for its C is read from the journal right before
                       the patch. Where the worker could not reach Valkey, it covers what the worker had seen: such a
                       *stale* restart is excused when its Valkey, or its way there, was disturbed within the time that
                       a call may take.

From 3 and 5 follows how many there may be: an ideal worker, never disturbed, restarts at the first event and then, a
window of I after each restart, once more if any event came since (`most_restarts`). A disturbed one is later, and what
is later has more to cover: it never makes more restarts than the ideal one, plus one for each excused stale restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from krt.core.announce.event_id import EventId

CLOCK_SECONDS = 0.02  # an id has whole milliseconds; the worker's wait is on another clock than its time stamps
READ_SECONDS = 0.3  # from Valkey's saying where the journal stands to the time stamp, on two busy cores
CALL_SECONDS = 3.5  # one call to Valkey that is given up, connecting included


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the journal."""

    id: EventId
    run: str  # which announcement it is
    image: str
    tags: tuple[str, ...]

    @property
    def at(self) -> float:
        """Seconds since the epoch, by Valkey's clock, which is this machine's."""
        return self.id.milliseconds / 1000


@dataclass(frozen=True, slots=True)
class Restart:
    """A value of restartedAt that stood on the Deployment, with the mark that stood beside it."""

    at: float  # seconds since the epoch
    journal: str
    covers: EventId
    marked_at: float  # the mark's own copy of `at`


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Valkey, or some worker's way to it, was not as it should be."""

    began: float
    ended: float


def wrongs(
    events: Sequence[Event],
    restarts: Sequence[Restart],
    *,
    journal: str,
    newest: EventId,
    interval_seconds: float,
    disturbances: Sequence[Disturbance],
    made: int | None = None,
    read_seconds: float = READ_SECONDS,
) -> list[str]:
    """What the model does not allow, a sentence each. `events` are those that name the Deployment, oldest first.

    `made` is how many restarts there were if that is known to be more than were seen. `read_seconds` is READ_SECONDS as
    long as this machine takes for it.
    """
    found = [*_lost(events, restarts), *_forged(restarts, journal, newest)]
    before: Restart | None = None
    stale = 0
    for restart in restarts:
        found += _wrong_after(before, restart, events, interval_seconds)
        if missed := _missed(events, restart, read_seconds):
            stale += 1
            if not _is_excused(restart, disturbances):
                found.append(f"restart at {restart.at:.3f} does not cover {missed.id}, accepted before it")
        before = restart
    count = max(len(restarts), made or 0)
    if count > (most := most_restarts(events, interval_seconds, read_seconds) + stale):
        found.append(f"{count} restarts, and the model allows {most}")
    return found


def most_restarts(events: Sequence[Event], interval_seconds: float, read_seconds: float = READ_SECONDS) -> int:
    """Those of an ideal worker: at the first event, and after each interval in which another one came."""
    count, covered_until = 0, float("-inf")
    for event in events:
        if event.at + read_seconds > covered_until:
            covered_until = max(event.at, covered_until + interval_seconds)
            count += 1
    return count


def _lost(events: Sequence[Event], restarts: Sequence[Restart]) -> list[str]:
    if not events:
        return []
    if not restarts:
        return [f"never restarted, and {len(events)} events name it"]
    last, newest = restarts[-1], events[-1]
    found = []
    if last.covers < newest.id:
        found.append(f"the last restart covers {last.covers}, and {newest.id} names it too")
    if last.at < newest.at - CLOCK_SECONDS:
        found.append(f"the last restart is {newest.at - last.at:.3f} s older than {newest.id}")
    return found


def _forged(restarts: Sequence[Restart], journal: str, newest: EventId) -> list[str]:
    found = [f"the mark of {each.journal}, not of {journal}" for each in restarts if each.journal != journal]
    found += [f"a mark that covers {each.covers}, beyond {newest}" for each in restarts if each.covers > newest]
    found += [f"a mark of {each.marked_at} at {each.at}" for each in restarts if each.marked_at != each.at]
    return found


def _wrong_after(
    before: Restart | None, restart: Restart, events: Sequence[Event], interval_seconds: float
) -> list[str]:
    covered = before.covers if before else EventId(0, 0)
    found = []
    if not any(covered < event.id <= restart.covers for event in events):
        found.append(f"restart at {restart.at:.3f}: no event that names it lies in ({covered}, {restart.covers}]")
    if before and restart.covers <= before.covers:
        found.append(f"restart at {restart.at:.3f}: its mark goes back from {before.covers} to {restart.covers}")
    if before and restart.at - before.at < interval_seconds - CLOCK_SECONDS:
        found.append(f"restart at {restart.at:.3f}: {restart.at - before.at:.3f} s after the one before")
    return found


def _missed(events: Sequence[Event], restart: Restart, read_seconds: float) -> Event | None:
    missed = [event for event in events if event.id > restart.covers and event.at < restart.at - read_seconds]
    return missed[0] if missed else None


def _is_excused(restart: Restart, disturbances: Sequence[Disturbance]) -> bool:
    return any(each.began <= restart.at and each.ended >= restart.at - CALL_SECONDS for each in disturbances)
