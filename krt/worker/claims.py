"""Renews a worker's claims on the journal entries that it holds, and releases them when it stops.

If a worker does not renew its claims for 15 s, another worker takes the entries over (docs/correctness.md, C3).
"""

from collections.abc import Callable

import trio

from krt.core.announce.event_id import EventId
from krt.core.ports.journal import Journal
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.hand import Hand
from krt.worker.stalls import Stalls

log = Log("worker")

_RENEW_SECONDS = 5.0  # a third of the time after which another worker takes an entry over
_RELEASE_SECONDS = 2.0


async def renew(journal: Journal, hand: Hand, heard_own: Callable[[frozenset[EventId]], None], stalls: Stalls) -> None:
    """Renew all claims every 5 s. Drop from the hand each entry that another worker has taken over. Never returns.

    `heard_own` is called with the ids that this worker holds in the journal, some of which the hand may not know.
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
    """Let other workers continue at once with the entries that this worker holds. Takes 2 s at most."""
    with trio.move_on_after(_RELEASE_SECONDS, shield=True):
        try:
            await journal.release(_most(hand))
        except BrokerUnavailable as error:
            log.warning("claims_not_released", entries=len(hand), problem=error)


def _most(hand: Hand) -> int:
    return hand.most + 1000  # this worker also holds suspects, and entries that no reply has reported yet
