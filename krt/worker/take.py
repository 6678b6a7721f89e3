"""Takes one entry into the hand: understand it, match it, record that, and ask for its restarts."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import trio

from krt.core.announce.event import Event
from krt.core.announce.event_id import EventId
from krt.core.caller.admission import Refusal
from krt.core.envelope import EntryFromTheFuture, EntryUnreadable, Envelope, from_fields
from krt.core.kube.object_key import ObjectKey
from krt.core.ports import Delivered, Index, Journal, Rollouts
from krt.core.report.report import Group, GroupState
from krt.core.restart.decide import is_anew
from krt.core.restart.intent import of_image
from krt.core.restart.matching import GOING, Match, Skip, Verdict
from krt.core.restart.outcome import Covered
from krt.core.restart.times import format_time
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.clock import ValkeyClock
from krt.worker.entry import Entry
from krt.worker.hand import FRESH_SECONDS, Hand
from krt.worker.position import LastPosition
from krt.worker.record import Recorder
from krt.worker.waiting import Waiting

log = Log("worker")

_BACKLOG_SECONDS = 60.0  # C2: what a new group finds that is older was news to those who are gone


@dataclass(frozen=True, slots=True)
class Matching:
    """How an event finds its workloads. `refusal` is the worker's own policy: why it acts on no such event, or None."""

    index: Index
    refusal: Callable[[Event], Refusal | None]
    require_opt_in: bool
    max_event_age_seconds: float


class Taker:
    """Turns each delivered entry into work: held with its workloads waiting, settled at once, or left to newer workers.

    Owns no entry: the hand does. Raises BrokerUnavailable; the caller then takes the entry again.
    """

    def __init__(
        self,
        journal: Journal,
        rollouts: Rollouts,
        recorder: Recorder,
        matching: Matching,
        hand: Hand,
        waiting: Waiting,
        clock: ValkeyClock,
        position: LastPosition,
        metrics: WorkerMetrics,
        now: Callable[[], datetime],
    ) -> None:
        self._journal = journal
        self._rollouts = rollouts
        self._recorder = recorder
        self._matching = matching
        self._hand = hand
        self._waiting = waiting
        self._clock = clock
        self._position = position
        self._metrics = metrics
        self._now = now
        self._newest_left = EventId(0, 0)

    async def take(self, delivered: Delivered) -> None:
        """Hold the entry and have its workloads restarted, or settle it if there is nothing to hold. Safe to repeat."""
        accepted_at = await self._clock.accepted_at(delivered.id)
        made = await self._made_after(delivered.id, accepted_at)
        if made is not None and await self._rollouts.is_over(delivered.id):
            log.debug("event_was_over", event_id=delivered.id)
            await self._journal.acknowledge(delivered.id)
            return
        if not delivered.fields:  # this worker's, and trimmed meanwhile
            await self.expire(delivered.id)
            return
        try:
            envelope = from_fields(delivered.fields)
        except EntryFromTheFuture as error:  # stays pending, for a newer worker
            self._say_left(delivered.id, error)
            await self._journal.leave(delivered.id)
            return
        except EntryUnreadable as error:
            log.error("entry_unreadable", event_id=delivered.id, problem=error)
            await self.give_up(delivered.id)
            return
        if refusal := self._matching.refusal(envelope.event):
            log.warning("event_refused", event_id=delivered.id, image=envelope.event.image, reason=refusal)
            await self._settle(delivered.id, GroupState.FAILED, refusal)
        elif await self._is_too_old(delivered.id, accepted_at):
            await self.expire(delivered.id)
        else:
            await self._begin(delivered, envelope, accepted_at, is_backlog=_is_backlog(delivered.id, made))

    async def expire(self, entry: EventId) -> None:
        """The event is of no use any more: settle it as that."""
        log.warning("event_expired", event_id=entry)
        await self._settle(entry, GroupState.EXPIRED, "older than KRT_MAX_EVENT_AGE")

    async def give_up(self, entry: EventId) -> None:
        """The event cannot be handled: settle it as that."""
        await self._settle(entry, GroupState.FAILED, "internal")

    async def _begin(self, delivered: Delivered, envelope: Envelope, accepted_at: float, *, is_backlog: bool) -> None:
        self._position.seen(delivered.id)
        age_seconds = trio.current_time() - accepted_at
        fresh_after = -math.inf if envelope.dry_run else trio.current_time() + FRESH_SECONDS
        intent = of_image(delivered.id, envelope, require_opt_in=self._matching.require_opt_in)
        note = self._hand.note_settled
        entry = Entry(delivered.id, envelope, intent, accepted_at, fresh_after, note, self._metrics.workload_settled)
        self._hand.take(entry)  # first of all: from here on changes of the index are heard for it
        verdicts = self._match(entry)
        matches = [] if envelope.dry_run else [verdict for verdict in verdicts if isinstance(verdict, Match)]
        matched = [each.workload for each in matches]
        anew = [w.key for w in matched if is_backlog and is_anew(w, entry.id, age_seconds=age_seconds)]
        for workload in matched:
            entry.want(workload.key)  # all of them before the first: an entry with nothing open is settled
        try:
            await self._recorder.record_match(entry, verdicts, matched, anew)
        except BrokerUnavailable:
            entry.drop()
            self._hand.release(entry)  # it is taken again, from the start
            raise
        if entry.open:
            self._ask_for(matches, entry, frozenset(anew))
        self._hand.note_settled(entry)

    def _ask_for(self, matches: Iterable[Match], entry: Entry, anew: frozenset[ObjectKey]) -> None:
        """Have its workloads restarted, but for those that others have made anew (C2): their rollouts are followed."""
        for each in matches:
            workload = each.workload
            if workload.key in anew:
                entry.settle(workload.key, Covered(workload, entry.id, served_since=format_time(self._now())))
            else:
                self._waiting.want(each, entry)

    def _match(self, entry: Entry) -> tuple[Verdict, ...]:
        event, envelope = entry.envelope.event, entry.envelope
        running = self._matching.index.running(event.repository)
        verdicts = tuple(verdict for workload in running if (verdict := entry.intent.judge(workload)))
        for verdict in verdicts:
            _say_skipped(entry, verdict)
        log.info(
            "event_matched",
            event_id=entry.id,
            request_id=envelope.request_id,
            image=event.image,
            tags=event.tags,
            by=envelope.origin and envelope.origin.repository,
            workloads=sum(isinstance(verdict, Match) for verdict in verdicts),
        )
        return verdicts

    def _say_left(self, entry: EventId, schema: EntryFromTheFuture) -> None:
        if entry > self._newest_left:  # it comes back every few seconds
            log.warning("entry_left", event_id=entry, schema=schema)
            self._newest_left = entry

    async def _is_too_old(self, entry: EventId, accepted_at: float) -> bool:
        if trio.current_time() - accepted_at <= self._matching.max_event_age_seconds:
            return False
        # Decided once: what was young enough when a worker first matched it is tried on by the next one.
        return not await self._rollouts.is_open(entry)

    async def _made_after(self, entry: EventId, accepted_at: float) -> float | None:
        """When the group was made, if that was after the event; None otherwise, and for an event of this moment."""
        if trio.current_time() - accepted_at <= FRESH_SECONDS:
            return None
        made = await self._journal.group_made()
        return made if entry.milliseconds / 1000 < made else None

    async def _settle(self, entry: EventId, state: GroupState, reason: str) -> None:
        await self._rollouts.settle(entry, Group(state, reason=reason, final=True), {}, {})
        self._metrics.event_settled(state)


def _is_backlog(entry: EventId, made: float | None) -> bool:
    """Whether the event is much older than the group, which was made then."""
    return made is not None and entry.milliseconds / 1000 < made - _BACKLOG_SECONDS


def _say_skipped(entry: Entry, verdict: Verdict) -> None:
    match verdict:
        case Skip(workload, reason) if reason in GOING:
            log.info("workload_left_alone", workload=workload.key, reason=reason, event_id=entry.id)
        case Skip(workload, reason):
            log.debug("workload_skipped", workload=workload.key, reason=reason, event_id=entry.id)
