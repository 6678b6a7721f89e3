"""Drains the journal: each entry is matched when it is read, in order, and acknowledged when it is settled."""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from krt.core.envelope import EntryFromTheFuture, EntryUnreadable, Envelope, from_fields
from krt.core.event import Event
from krt.core.matching import Match, Skip, match
from krt.core.ports import Delivered, Index, Journal
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.serving.backoff import Backoff
from krt.worker.bell import Bell
from krt.worker.entry import Entry
from krt.worker.waiting import Waiting

log = Log("worker")

_LOOK_SECONDS = 5.0  # a ring can be lost with its connection
_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Matching:
    """How an event finds its workloads. `admits` is the worker's own policy: it trusts neither channel nor journal."""

    index: Index
    admits: Callable[[Event], bool]
    require_opt_in: bool


async def consume(journal: Journal, matching: Matching, waiting: Waiting, bell: Bell, *, in_hand: int) -> None:
    """Handle entries for ever, at most `in_hand` of them at a time."""
    places = trio.Semaphore(in_hand)
    async with trio.open_nursery() as nursery:
        while True:
            for delivered in await _read(journal, bell, places):
                places.acquire_nowait()
                try:
                    entry = await _take(delivered, matching, waiting)
                except EntryFromTheFuture as error:  # stays pending, for a newer worker
                    log.warning("entry_left", event_id=delivered.id, schema=error)
                else:
                    nursery.start_soon(_see_through, journal, delivered, entry, places)


async def _read(journal: Journal, bell: Bell, places: trio.Semaphore) -> tuple[Delivered, ...]:
    """The next entries, no more than there are places for; waits for both. Valkey's absence is waited out."""
    async with places:  # for one at least
        pass
    async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
        try:
            delivered = await journal.read_new(min(places.value, _READ_AT_ONCE))
        except BrokerUnavailable as error:
            log.warning("journal_unavailable", problem=error)
            continue
        if not delivered:
            await bell.wait(_LOOK_SECONDS)
        return delivered
    raise AssertionError("a backoff does not end")


async def _take(delivered: Delivered, matching: Matching, waiting: Waiting) -> Entry | None:
    """Match an entry and ask for its restarts. None: nothing is to be done for it."""
    try:
        envelope = from_fields(delivered.fields)
    except EntryUnreadable as error:
        log.error("entry_unreadable", event_id=delivered.id, problem=error)
        return None
    matches = _matches(delivered, envelope, matching)
    entry = Entry(delivered.id, envelope, frozenset(found.workload.key for found in matches))
    for found in matches:
        await waiting.want(found.workload, entry)
    return entry


def _matches(delivered: Delivered, envelope: Envelope, matching: Matching) -> tuple[Match, ...]:
    event = envelope.event
    said = {
        "event_id": delivered.id,
        "request_id": envelope.request_id,
        "image": event.image,
        "tags": event.tags,
    }
    if not matching.admits(event):
        log.warning("event_refused", **said)
        return ()
    verdicts = match(event, matching.index.running(event.repository), require_opt_in=matching.require_opt_in)
    for verdict in verdicts:
        match verdict:
            case Skip(workload, reason):
                log.debug("workload_skipped", workload=workload.key, reason=reason, event_id=delivered.id)
            case Match(workload, warnings) if warnings:
                log.warning("restart_may_not_help", workload=workload.key, warnings=warnings, event_id=delivered.id)
    matches = tuple(verdict for verdict in verdicts if isinstance(verdict, Match))
    log.info("event_matched", **said, by=envelope.origin and envelope.origin.repository, workloads=len(matches))
    return matches


async def _see_through(journal: Journal, delivered: Delivered, entry: Entry | None, places: trio.Semaphore) -> None:
    if entry:
        await entry.settled.wait()
    async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
        try:
            await journal.acknowledge(delivered.id)
            break
        except BrokerUnavailable as error:
            log.warning("journal_unavailable", event_id=delivered.id, problem=error)
    places.release()
