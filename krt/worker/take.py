"""Handles one journal entry: parse it, match it, record the matches, and ask for their restarts."""

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
from krt.core.ports.journal import Delivered, Journal
from krt.core.ports.rollouts import Rollouts
from krt.core.ports.workloads import Index
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

_BACKLOG_SECONDS = 60.0  # an event that is older than the group by more than this may have been handled already


@dataclass(frozen=True, slots=True)
class Matching:
    """How an event finds its workloads. `refusal` gives the reason why the worker's own policy refuses it, or None."""

    index: Index
    refusal: Callable[[Event], Refusal | None]
    require_opt_in: bool
    max_event_age_seconds: float


class Taker:
    """Handles each delivered entry in one of three ways: holds it, settles it at once, or leaves it to a newer krt.

    Every call may raise BrokerUnavailable. Then the caller repeats the call.
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
        """Hold the entry and ask for restarts, settle it if there is nothing to do, or leave it. May be repeated."""
        accepted_at = await self._clock.accepted_at(delivered.id)
        made = await self._made_after(delivered.id, accepted_at)
        if made is not None and await self._rollouts.is_over(delivered.id):
            log.debug("event_was_over", event_id=delivered.id)
            await self._journal.acknowledge(delivered.id)
            return
        if delivered.fields is None:
            await self.expire(delivered.id)
            return
        try:
            envelope = from_fields(delivered.fields)
        except EntryFromTheFuture as error:  # a newer worker will claim it
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
        """Settle an event as expired: it is too old to act on."""
        log.warning("event_expired", event_id=entry)
        await self._settle(entry, GroupState.EXPIRED, "older than KRT_MAX_EVENT_AGE")

    async def give_up(self, entry: EventId) -> None:
        """Settle an event as failed: it cannot be handled."""
        await self._settle(entry, GroupState.FAILED, "internal")

    async def _begin(self, delivered: Delivered, envelope: Envelope, accepted_at: float, *, is_backlog: bool) -> None:
        self._position.seen(delivered.id)
        age_seconds = trio.current_time() - accepted_at
        fresh_after = -math.inf if envelope.dry_run else trio.current_time() + FRESH_SECONDS
        intent = of_image(delivered.id, envelope, require_opt_in=self._matching.require_opt_in)
        note = self._hand.note_settled
        entry = Entry(delivered.id, envelope, intent, accepted_at, fresh_after, note, self._metrics.workload_settled)
        self._hand.take(entry)  # before matching: from now on a change of the index can bring a late match
        verdicts = self._match(entry)
        matches = [] if envelope.dry_run else [verdict for verdict in verdicts if isinstance(verdict, Match)]
        matched = [each.workload for each in matches]
        anew = [w.key for w in matched if is_backlog and is_anew(w, entry.id, age_seconds=age_seconds)]
        for workload in matched:
            entry.want(workload.key)  # all before the first restart: an entry without open workloads counts as settled
        try:
            await self._recorder.record_match(entry, verdicts, matched, anew)
        except BrokerUnavailable:
            entry.drop()
            self._hand.release(entry)  # the caller takes the entry again, from the start
            raise
        if entry.open:
            self._ask_for(matches, entry, frozenset(anew))
        self._hand.note_settled(entry)

    def _ask_for(self, matches: Iterable[Match], entry: Entry, anew: frozenset[ObjectKey]) -> None:
        """Ask for the restart of all matches but those in `anew`, which others restarted or created later (C2).

        The rollouts of those in `anew` are only followed.
        """
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
        if entry > self._newest_left:  # logs an entry once, although it is delivered again every few seconds
            log.warning("entry_left_for_newer_worker", event_id=entry, schema=schema)
            self._newest_left = entry

    async def _is_too_old(self, entry: EventId, accepted_at: float) -> bool:
        if trio.current_time() - accepted_at <= self._matching.max_event_age_seconds:
            return False
        # The age is decided once: if an event was young enough when first matched, the next worker goes on with it.
        return not await self._rollouts.is_open(entry)

    async def _made_after(self, entry: EventId, accepted_at: float) -> float | None:
        """The time at which this group was made, if that was after the event; None if not, or if the event is young."""
        if trio.current_time() - accepted_at <= FRESH_SECONDS:
            return None
        made = await self._journal.group_made()
        return made if entry.milliseconds / 1000 < made else None

    async def _settle(self, entry: EventId, state: GroupState, reason: str) -> None:
        await self._rollouts.settle(entry, Group(state, reason=reason, final=True), {}, {})
        self._metrics.event_settled(state)


def _is_backlog(entry: EventId, made: float | None) -> bool:
    """Whether the event is older than the group, created at `made`, by more than a minute."""
    return made is not None and entry.milliseconds / 1000 < made - _BACKLOG_SECONDS


def _say_skipped(entry: Entry, verdict: Verdict) -> None:
    match verdict:
        case Skip(workload, reason) if reason in GOING:
            log.info("workload_left_alone", workload=workload.key, reason=reason, event_id=entry.id)
        case Skip(workload, reason):
            log.debug("workload_skipped", workload=workload.key, reason=reason, event_id=entry.id)
