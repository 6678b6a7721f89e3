"""A model of the restarts that coalescing allows, and the check of one Deployment's restarts against it. Pure.

The model. Let I be the least interval. Let e₁ < e₂ < … be the accepted events that name the Deployment: all of them in
the journal, because an event may be accepted although its 202 was lost. Let R₁ < R₂ < … be the Deployment's restarts,
and C₁, C₂, … the newest events that their marks cover. Then, whatever is killed, paused or cut:

 1. nothing is lost:   the last C ≥ the last e, and the last R is not before the moment of the last e;
 2. nothing is twice:  some e lies in (Cₖ₋₁, Cₖ] (with C₀ before everything): each restart had an event of its own;
 3. coalesced:         Rₖ - Rₖ₋₁ ≥ I;
 4. marks go forward:  Cₖ > Cₖ₋₁, and never beyond the journal's newest id;
 5. covering:          a restart covers every event accepted before it, because its C is read from the journal right
                       before the patch. If the worker cannot reach Valkey, the restart covers the events that the
                       worker has seen. Such a *stale* restart is excused if the worker's Valkey, or its connection to
                       it, was disturbed within the time that a call may take.

3 and 5 bound the number of restarts. An ideal worker without disturbances restarts at the first event; then, one
interval I after each restart, it restarts again if another event came since (`most_restarts`). A disturbed worker is
later, and a later restart covers more events. So it never makes more restarts than the ideal worker, plus one for each
excused stale restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from krt.core.announce.event_id import EventId

CLOCK_SECONDS = 0.02  # an id has whole milliseconds; the worker's wait is on another clock than its time stamps
READ_SECONDS = 0.3  # from Valkey's answer about the journal's position to the time stamp, on two busy cores
CALL_SECONDS = 3.5  # one call to Valkey until its deadline, with connecting


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
    """A value of restartedAt on the Deployment, with the mark beside it."""

    at: float  # seconds since the epoch
    journal: str
    covers: EventId
    marked_at: float  # the mark's own copy of `at`


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A time in which Valkey, or a worker's connection to it, was disturbed."""

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
    """The violations of the model, one sentence each. `events` are those that name the Deployment, oldest first.

    `made` is the number of restarts, if it is known to be higher than the number seen. `read_seconds` is READ_SECONDS
    for the speed of this machine.
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
    """The restarts of an ideal worker: at the first event, and after each interval with another event."""
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
