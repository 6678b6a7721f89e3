"""What a worker does beside restarting: keep its claims, close what is done, tidy the journal, let go at the end."""

import trio

from krt.core.ports import Index, Journal
from krt.core.settlement import settled, state_of
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.serving.backoff import Backoff
from krt.worker.entry import Entry
from krt.worker.hand import Hand

log = Log("worker")

_RENEW_SECONDS = 5.0  # a third of the time after which others take an entry over
_CLOSE_SECONDS = 0.1
_TIDY_SECONDS = 60.0
_RELEASE_SECONDS = 2.0


async def renew(journal: Journal, hand: Hand) -> None:
    """Keep what is in hand this worker's own, for ever; let go of what another has taken over."""
    while True:
        await trio.sleep(_RENEW_SECONDS)
        held = hand.ids()
        try:
            hand.keep_only(await journal.renew(_most(hand)), held)
        except BrokerUnavailable as error:
            log.warning("claims_not_renewed", entries=len(held), problem=error)


async def close(journal: Journal, index: Index, hand: Hand, cluster: str) -> None:
    """Acknowledge what is settled and can get no late match any more, for ever."""
    while True:
        for entry in hand.complete(index.fresh_at()):
            await _settle(journal, entry, cluster)
            hand.release(entry)
        await trio.sleep(_CLOSE_SECONDS)


async def tidy(journal: Journal) -> None:
    """Trim the journal every minute, also when it is full: nothing else makes room."""
    while True:
        try:
            await journal.tidy()
        except BrokerUnavailable as error:
            log.warning("journal_not_tidied", problem=error)
        await trio.sleep(_TIDY_SECONDS)


async def release(journal: Journal, hand: Hand) -> None:
    """At the end: whoever is left may go on at once with what is in hand."""
    with trio.move_on_after(_RELEASE_SECONDS, shield=True):
        try:
            await journal.release(_most(hand))
        except BrokerUnavailable as error:
            log.warning("claims_not_released", entries=len(hand), problem=error)


async def _settle(journal: Journal, entry: Entry, cluster: str) -> None:
    counts = entry.counts()
    async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
        try:
            await journal.settle(entry.id, settled(cluster, state_of(counts), counts))
            break
        except BrokerUnavailable as error:
            log.warning("journal_unavailable", event_id=entry.id, problem=error)
    log.info("event_settled", event_id=entry.id, state=state_of(counts), workloads=counts)


def _most(hand: Hand) -> int:
    return hand.most + 1000  # suspects and entries left for newer workers are this worker's, too
