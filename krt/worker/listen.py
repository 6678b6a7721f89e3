"""Listens to the channel. A message of krt web wakes the reader of the journal; any other is added to the journal.

Messages of other publishers (the Go peer of docs/migrating.md, somebody's PUBLISH) have no journal entry. Every worker
hears them, and the one that holds a lease adopts them: it appends an entry for each (docs/correctness.md, C7).
"""

from collections import deque
from collections.abc import AsyncIterable
from secrets import token_hex
from typing import assert_never

import trio

from krt.core.announce.event import is_journaled, parse
from krt.core.envelope import Envelope
from krt.core.ports.channel import ChannelMessage, Signal, Subscribed, TooLarge, Unsubscribed
from krt.core.ports.journal import Journal
from krt.errors import BrokerUnavailable, EventInvalid
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.bell import Bell
from krt.worker.stalls import Stalls

log = Log("worker")

_RENEW_SECONDS = 1.0  # a third of the lease's lifetime
_KEPT_SECONDS = 5.0  # a worker without the lease keeps a message this long, in case the lease's holder has just died
_MOST_KEPT = 1000  # beyond it the oldest is dropped: the lease's holder has had the most time to adopt that one
_LOST_SECONDS = 60.0  # if nobody could adopt a message in this time, its publisher has seen that nothing happened


class ChannelListener:
    """Listens for one worker: rings `bell`, and keeps foreign messages until they are adopted, dropped or too old.

    A message is foreign if krt web did not publish it. Logs Valkey's outages and waits for their end; raises nothing.
    """

    def __init__(self, journal: Journal, bell: Bell, metrics: WorkerMetrics, stalls: Stalls) -> None:
        self._journal = journal
        self._bell = bell
        self._metrics = metrics
        self._stalls = stalls
        self._foreign: deque[tuple[float, Envelope]] = deque()  # when it was heard, on Trio's clock, and the message
        self._dropped = 0  # messages dropped because _MOST_KEPT were kept; not yet logged as lost
        self._heard = trio.Event()

    async def hear(self, signals: AsyncIterable[Signal]) -> None:
        """Handle every signal of the channel. Returns when `signals` ends."""
        async for signal in signals:
            match signal:
                case Subscribed():
                    log.info("channel_subscribed")
                    self._bell.ring()
                case Unsubscribed(problem):
                    log.warning("channel_lost", problem=problem)
                case ChannelMessage(payload) if is_journaled(payload):
                    self._bell.ring()
                case ChannelMessage(payload):
                    self._keep(payload)
                case TooLarge(size):
                    self._refuse("body", f"{size} bytes are more than any event has")
                case _:
                    assert_never(signal)

    async def adopt(self) -> None:
        """Take the lease if it is free; while this worker holds it, adopt the kept messages. Never returns."""
        while True:
            try:
                with self._stalls.step("foreign messages"):
                    await self._take_in()
            except BrokerUnavailable as error:
                log.warning("foreign_messages_waiting", waiting=len(self._foreign), problem=error)
            if lost := self._forget(_LOST_SECONDS) + self._dropped:
                self._dropped = 0
                self._metrics.messages("lost", lost)
                log.error("messages_lost", messages=lost)
            with trio.move_on_after(_RENEW_SECONDS):
                await self._heard.wait()
            self._heard = trio.Event()

    async def _take_in(self) -> None:
        if await self._journal.hold_lease():
            await self._adopt_kept()
        else:
            self._forget(_KEPT_SECONDS)
            self._dropped = 0

    def _keep(self, payload: bytes) -> None:
        try:
            event = parse(payload)
        except EventInvalid as error:
            self._refuse(error.field, error.problem)
            return
        if len(self._foreign) >= _MOST_KEPT:
            self._foreign.popleft()
            self._dropped += 1
        self._foreign.append((trio.current_time(), Envelope(event, None, token_hex(8))))
        self._heard.set()

    def _refuse(self, field: str, problem: str) -> None:
        self._metrics.messages("refused")
        log.warning("message_refused", field=field, problem=problem)

    async def _adopt_kept(self) -> None:
        while self._foreign:
            heard_at, envelope = self._foreign[0]
            adopted = await self._journal.adopt(envelope)
            if adopted is None:
                return
            if self._foreign and self._foreign[0] == (heard_at, envelope):
                self._foreign.popleft()
            self._metrics.messages("adopted")
            log.info("message_adopted", event_id=adopted, image=envelope.event.image, tags=envelope.event.tags)
            self._bell.ring()

    def _forget(self, after_seconds: float) -> int:
        before = len(self._foreign)
        while self._foreign and trio.current_time() - self._foreign[0][0] > after_seconds:
            self._foreign.popleft()
        return before - len(self._foreign)
