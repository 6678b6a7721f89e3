"""What a worker does beside restarting: keep its claims, close what is done, tidy the journal, let go at the end."""

from collections.abc import Callable

import trio

from krt.backoff import Backoff
from krt.core.event_id import EventId
from krt.core.ports import Index, Journal, Rollouts
from krt.core.progress import of_outcome
from krt.core.report import Group, GroupState
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.clock import ValkeyClock
from krt.worker.entry import Entry
from krt.worker.hand import Hand
from krt.worker.stalls import Stalls

log = Log("worker")

_RENEW_SECONDS = 5.0  # a third of the time after which others take an entry over
_CLOSE_SECONDS = 0.1
_TIDY_SECONDS = 60.0
_MEASURE_SECONDS = 10.0
_RELEASE_SECONDS = 2.0
_ALIVE_SECONDS = 30.0
_LEAVE_SECONDS = 2.0


async def renew(journal: Journal, hand: Hand, heard_own: Callable[[frozenset[EventId]], None], stalls: Stalls) -> None:
    """Keep what is in hand this worker's own, for ever; let go of what another has taken over.

    `heard_own` is told what the journal says is this worker's: it may not know of all of it.
    """
    while True:
        await trio.sleep(_RENEW_SECONDS)
        held = hand.ids()
        try:
            with stalls.step("claims"):
                own = await journal.renew(_most(hand))
        except BrokerUnavailable as error:
            log.warning("claims_not_renewed", entries=len(held), problem=error)
            continue
        hand.keep_only(own, held)
        heard_own(own)


async def close(rollouts: Rollouts, index: Index, hand: Hand, metrics: WorkerMetrics, stalls: Stalls) -> None:
    """Acknowledge what is settled and can get no late match any more, for ever."""
    while True:
        await hand.wait_settled()
        for entry in hand.complete(index.fresh_at()):
            await _settle(rollouts, entry, stalls)
            hand.release(entry)
            metrics.event_settled(_ending(entry))
        if (wanted_at := hand.wants_fresh(trio.current_time())) is not None:
            index.want_fresh(wanted_at)
        await trio.sleep(_CLOSE_SECONDS)


async def say_alive(rollouts: Rollouts, stalls: Stalls) -> None:
    """Let events wait for this cluster, for ever."""
    while True:
        try:
            with stalls.step("presence"):
                await rollouts.say_alive()
        except BrokerUnavailable as error:
            log.warning("not_said_alive", problem=error)
        await trio.sleep(_ALIVE_SECONDS)


async def leave(rollouts: Rollouts) -> None:
    """At an orderly end: if this was the last worker here, events that come from now on do not wait for the cluster."""
    with trio.move_on_after(_LEAVE_SECONDS):
        try:
            if await rollouts.leave():
                log.info("cluster_left")
        except BrokerUnavailable as error:
            log.warning("not_said_left", problem=error)


async def tidy(journal: Journal) -> None:
    """Trim the journal every minute, also when it is full: nothing else makes room."""
    while True:
        try:
            await journal.tidy()
        except BrokerUnavailable as error:
            log.warning("journal_not_tidied", problem=error)
        await trio.sleep(_TIDY_SECONDS)


async def measure(journal: Journal, clock: ValkeyClock, metrics: WorkerMetrics) -> None:
    """Tell the metrics how the journal stands, for ever."""
    while True:
        try:
            backlog = await journal.backlog()
            age_seconds = await clock.age_seconds(backlog.oldest) if backlog.oldest else 0.0
            metrics.journal_seen(entries=backlog.entries, unsettled=backlog.unsettled, oldest_seconds=age_seconds)
        except BrokerUnavailable:  # others say so
            metrics.journal_unknown()
        await trio.sleep(_MEASURE_SECONDS)


async def release(journal: Journal, hand: Hand) -> None:
    """At the end: whoever is left may go on at once with what is in hand."""
    with trio.move_on_after(_RELEASE_SECONDS, shield=True):
        try:
            await journal.release(_most(hand))
        except BrokerUnavailable as error:
            log.warning("claims_not_released", entries=len(hand), problem=error)


async def _settle(rollouts: Rollouts, entry: Entry, stalls: Stalls) -> None:
    said = {key: target for key, outcome in entry.outcomes.items() if (target := of_outcome(outcome))}
    done, group = entry.recorded | said, _group(entry)
    follow = {key: uid for key, uid in entry.followed.items() if not done[key].final}
    async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
        try:
            with stalls.step("reports"):
                await rollouts.settle(entry.id, group, done, follow)
            break
        except BrokerUnavailable as error:
            log.warning("journal_unavailable", event_id=entry.id, problem=error)
    log.info("event_settled", event_id=entry.id, workloads=entry.counts())


def _group(entry: Entry) -> Group:
    """What is said of the event as a whole."""
    is_match = entry.outcomes or entry.envelope.dry_run
    state = GroupState.SETTLED if is_match else GroupState.NO_MATCH
    return Group(state, workloads=entry.workloads(), final=True)


def _ending(entry: Entry) -> str:
    """How the event ended, for the metrics: by the worst that became of one of its workloads."""
    if entry.envelope.dry_run:
        return "dry_run"
    ends = entry.counts()
    worst = [bad for bad in ("failed", "expired") if ends[bad]]
    return worst[0] if worst else "settled" if ends else "no_match"


def _most(hand: Hand) -> int:
    return hand.most + 1000  # suspects and entries left for newer workers are this worker's, too
