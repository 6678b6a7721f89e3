"""Reads the journal: what is this worker's own after a lost reply, what dead workers left, and what is new.

Each entry is matched when it is read, in the order of the journal, and recorded before anything is done for it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from krt.backoff import Backoff
from krt.core.announce.event_id import EventId
from krt.core.ports import Delivered, Journal
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.bell import Bell
from krt.worker.hand import Hand
from krt.worker.stalls import Stalls
from krt.worker.take import Taker

log = Log("worker")
T = TypeVar("T")

_LOOK_SECONDS = 5.0  # a ring can be lost with its connection; and how soon dead workers' entries are looked for
_READ_AT_ONCE = 100
_MOST_DELIVERIES = 10  # an entry that was handed on so often may be what its workers died of
_SUSPECT_SECONDS = 60.0  # what is open may stay so for ever; and what kills a worker does it sooner than that


class Consumer:
    """One worker's reading of the journal."""

    def __init__(self, journal: Journal, hand: Hand, bell: Bell, taker: Taker, stalls: Stalls) -> None:
        self._journal = journal
        self._hand = hand
        self._bell = bell
        self._taker = taker
        self._stalls = stalls
        self._reply_lost = False  # entries may have been given to this worker in a reply that never came
        self._cursor = "0-0"
        self._claim_at = -1.0
        self._suspects: dict[EventId, Delivered] = {}
        self._suspect_at = -1.0  # from here on the next one is handled, whatever else is open
        self._strange: frozenset[EventId] = frozenset()

    def hear_own(self, own: frozenset[EventId]) -> None:
        """What the journal says is this worker's: what it twice does not know is looked for.

        A call that was given up may reach Valkey late, behind the look for what was lost with it. What it gives is kept
        from everybody else by this worker's renewals, and no reply tells of it.
        """
        strange = frozenset(entry for entry in own if entry not in self._hand and entry not in self._suspects)
        if strange & self._strange:  # not just on its way
            log.warning("entries_found", entries=len(strange))
            self._reply_lost = True
            self._bell.ring()
        self._strange = strange

    async def consume(self) -> None:
        """Take entries for ever, no more than the hand has room for."""
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
        return tuple(delivered for delivered in found if delivered.id not in self._hand)  # of a group begun anew

    async def _read_own(self) -> tuple[Delivered, ...]:
        """All that is this worker's and not in its hand: at most one reply's worth."""
        after: EventId | None = None
        lost: list[Delivered] = []
        while own := await self._journal.read_own(after, _READ_AT_ONCE):
            lost += (delivered for delivered in own if delivered.id not in self._hand)
            after = own[-1].id
        return tuple(lost)

    async def _claim(self) -> tuple[Delivered, ...]:
        while True:  # a look goes round once: dead workers' entries may stand behind any number of the living's
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
        """Handle an entry that may be poison: after all others, or a minute after it came and after the last such."""
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
        except Exception as error:  # noqa: BLE001 - C5: what one event does to its handler is that event's end alone
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
