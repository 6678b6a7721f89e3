"""Reads the journal, in this order: entries of a lost reply, entries of dead workers, new entries.

Each entry is matched as it is read, and the match is recorded before any workload is restarted.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from krt.backoff import Backoff
from krt.core.announce.event_id import EventId
from krt.core.ports.journal import Delivered, Journal
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.bell import Bell
from krt.worker.hand import Hand
from krt.worker.stalls import Stalls
from krt.worker.take import Taker

log = Log("worker")
T = TypeVar("T")

_LOOK_SECONDS = 5.0  # between two reads while nothing rings; also between two looks for dead workers' entries
_READ_AT_ONCE = 100
_MOST_DELIVERIES = 10  # from this number on, an entry is suspected to have killed its workers
# Other entries may never be settled, so a suspect waits this long at most. If it kills its worker, it does so sooner.
_SUSPECT_SECONDS = 60.0


class Consumer:
    """Reads the journal for one worker, as far as the hand has room, and gives each entry to the taker.

    Logs Valkey's outages and waits for their end. If the taker raises any other error, the entry is given up.
    """

    def __init__(self, journal: Journal, hand: Hand, bell: Bell, taker: Taker, stalls: Stalls) -> None:
        self._journal = journal
        self._hand = hand
        self._bell = bell
        self._taker = taker
        self._stalls = stalls
        self._reply_lost = False  # Valkey may have given this worker entries in a reply that never arrived
        self._cursor = "0-0"  # the place in the group's list from which the next claim goes on
        self._claim_at = -1.0  # on Trio's clock: the next look for dead workers' entries
        self._suspects: dict[EventId, Delivered] = {}
        self._suspect_at = -1.0  # on Trio's clock: from then on the next suspect is handled, even if entries are open
        self._strange: frozenset[EventId] = frozenset()  # ids in the last `hear_own` that this worker did not know

    def hear_own(self, own: frozenset[EventId]) -> None:
        """Compare `own`, the ids that this worker holds in the journal, with those that it knows.

        If an id is unknown twice in a row, its entry is read. A read that timed out here may still run at Valkey after
        this worker has looked for lost entries. Valkey then gives this worker entries that no reply reports, and the
        worker's own renewals keep other workers from claiming them.
        """
        strange = frozenset(entry for entry in own if entry not in self._hand and entry not in self._suspects)
        if strange & self._strange:  # an id that is unknown only once may be in a reply that is just arriving
            log.warning("lost_entries_found", entries=len(strange))
            self._reply_lost = True
            self._bell.ring()
        self._strange = strange

    async def consume(self) -> None:
        """Read and handle entries while the hand has room. Never returns."""
        while True:
            with self._stalls.step("hand"):
                await self._hand.wait_room()
            found = await self._patiently(self._read) if self._at_once > 0 else ()
            for delivered in found:
                await self._take(delivered)
            if not found and not await self._take_suspect():
                await self._bell.wait(_LOOK_SECONDS)

    async def _read(self) -> tuple[Delivered, ...]:
        if self._reply_lost:
            own = await self._read_own()
            self._reply_lost = False
            if own:
                return own
        if trio.current_time() >= self._claim_at and (claimed := await self._claim()):
            return claimed
        found = await self._journal.read_new(self._at_once)
        # If the group was made again, Valkey delivers entries again that are in the hand.
        return tuple(delivered for delivered in found if delivered.id not in self._hand)

    async def _read_own(self) -> tuple[Delivered, ...]:
        """The entries that this worker holds in the journal and not in its hand: of lost replies, and suspects."""
        after: EventId | None = None
        lost: list[Delivered] = []
        while own := await self._journal.read_own(after, _READ_AT_ONCE):
            lost += (delivered for delivered in own if delivered.id not in self._hand)
            after = own[-1].id
        return tuple(lost)

    async def _claim(self) -> tuple[Delivered, ...]:
        while True:  # goes on to the end: a dead worker's entries may come after any number of others
            claimed = await self._journal.claim(self._cursor, self._at_once)
            self._cursor = claimed.cursor
            for gone in claimed.deleted:
                await self._taker.expire(gone)
            if claimed.cursor == "0-0":
                self._claim_at = trio.current_time() + _LOOK_SECONDS
            if claimed.entries or claimed.cursor == "0-0":
                return tuple(delivered for delivered in claimed.entries if delivered.id not in self._hand)

    async def _take(self, delivered: Delivered) -> None:
        if delivered.deliveries >= _MOST_DELIVERIES:
            if not self._suspects:
                self._suspect_at = trio.current_time() + _SUSPECT_SECONDS
            self._suspects[delivered.id] = delivered
        else:
            await self._handle(delivered)

    async def _take_suspect(self) -> bool:
        """Handle the oldest suspect if nothing else is open, or after a minute. Returns whether one was handled."""
        if not self._suspects or not (self._hand.is_idle or trio.current_time() >= self._suspect_at):
            return False
        suspect = next(iter(self._suspects.values()))
        log.warning("suspect_taken", event_id=suspect.id, deliveries=suspect.deliveries)
        await self._handle(suspect)
        del self._suspects[suspect.id]
        self._suspect_at = trio.current_time() + _SUSPECT_SECONDS
        return True

    async def _handle(self, delivered: Delivered) -> None:
        try:
            await self._patiently(lambda: self._taker.take(delivered))
        except Exception as error:  # noqa: BLE001 - C5: a bug that one event meets ends the handling of that event only
            log.error("entry_crashed", event_id=delivered.id, exception=error)
            await self._patiently(lambda: self._taker.give_up(delivered.id))

    @property
    def _at_once(self) -> int:
        return min(self._hand.room - len(self._suspects), _READ_AT_ONCE)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
            try:
                with self._stalls.step("journal"):
                    return await ask()
            except BrokerUnavailable as error:
                self._reply_lost = True
                log.warning("journal_unavailable", problem=error)
        raise AssertionError("a backoff does not end")
