"""Hears the channel: a journaled message rings the bell; any other is adopted into the journal by one worker."""

from collections import deque
from collections.abc import AsyncIterable
from secrets import token_hex
from typing import assert_never

import trio

from krt.core.announce.event import is_journaled, parse
from krt.core.envelope import Envelope
from krt.core.ports import ChannelMessage, Journal, Signal, Subscribed, TooLarge, Unsubscribed
from krt.errors import BrokerUnavailable, EventInvalid
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.bell import Bell
from krt.worker.stalls import Stalls

log = Log("worker")

_RENEW_SECONDS = 1.0  # the lease lasts three of these
_KEPT_SECONDS = 5.0  # what a worker without the lease remembers, for the case that the one with it has just died
_MOST_KEPT = 1000  # the oldest go first: the lease's holder has had the longest time for them
_LOST_SECONDS = 60.0  # nobody could adopt it for so long: whoever announced it has seen that nothing came of it


class ChannelListener:
    """Hears the channel for one worker: rings the bell, and keeps foreign messages until they are adopted or too old.

    Owns the kept messages. Valkey's outages are logged and survived; raises nothing.
    """

    def __init__(self, journal: Journal, bell: Bell, metrics: WorkerMetrics, stalls: Stalls) -> None:
        self._journal = journal
        self._bell = bell
        self._metrics = metrics
        self._stalls = stalls
        self._foreign: deque[tuple[float, Envelope]] = deque()
        self._dropped = 0  # to make room, since it was last known that another worker has the lease
        self._heard = trio.Event()

    async def hear(self, signals: AsyncIterable[Signal]) -> None:
        """Take in what the channel says, for ever."""
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
        """Hold the lease if nobody does, and while it is held take foreign messages into the journal, for ever."""
        while True:
            try:
                with self._stalls.step("foreign messages"):
                    await self._take_in()
            except BrokerUnavailable as error:
                log.warning("adoption_delayed", waiting=len(self._foreign), problem=error)
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
