"""The claims of a worker on journal entries: kept while the entries are in its hand, and let go at the end."""

from collections.abc import Callable

import trio

from krt.core.announce.event_id import EventId
from krt.core.ports import Journal
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.hand import Hand
from krt.worker.stalls import Stalls

log = Log("worker")

_RENEW_SECONDS = 5.0  # a third of the time after which others take an entry over
_RELEASE_SECONDS = 2.0


async def renew(journal: Journal, hand: Hand, heard_own: Callable[[frozenset[EventId]], None], stalls: Stalls) -> None:
    """Keep what is in hand this worker's own, for ever; let go of what another has taken over.

    `heard_own` gets the entries that the journal counts as this worker's: the hand may not know all of them.
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


async def release(journal: Journal, hand: Hand) -> None:
    """At the end: whoever is left may go on at once with what is in hand."""
    with trio.move_on_after(_RELEASE_SECONDS, shield=True):
        try:
            await journal.release(_most(hand))
        except BrokerUnavailable as error:
            log.warning("claims_not_released", entries=len(hand), problem=error)


def _most(hand: Hand) -> int:
    return hand.most + 1000  # suspects and entries left for newer workers are this worker's, too
