"""Wakes the calls that wait for an event's report to change: one subscription for all of them, and a look each 5 s."""

from collections import defaultdict
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager

import trio

from krt.core.announce.event_id import EventId, parse
from krt.core.ports import ChannelMessage, Signal, Subscribed, TooLarge, Unsubscribed

LOOK_SECONDS = 5.0  # a ring may be lost with its connection
TOGETHER_SECONDS = 0.2  # changes that come within this time make one answer


class Ear:
    """What one waiting call hears of its event's report."""

    def __init__(self, stopping: trio.Event) -> None:
        self._stopping = stopping
        self._rung = trio.Event()

    def ring(self) -> None:
        """The report may have changed."""
        self._rung.set()

    async def wait(self, until: float) -> bool:
        """Return when it is time to look at the report; whether it is worth it: not `until` yet, and not stopping."""
        with trio.move_on_at(min(until, trio.current_time() + LOOK_SECONDS)):
            await self._rung.wait()
            if not self._stopping.is_set():
                await trio.sleep(TOGETHER_SECONDS)
        self._rung = trio.Event()
        return trio.current_time() < until and not self._stopping.is_set()


class ReportWatch:
    """At most `most` calls wait at a time. When `stopping` is set, none waits any longer."""

    def __init__(self, most: int, stopping: trio.Event) -> None:
        self._most = most
        self._stopping = stopping
        self._ears: defaultdict[EventId, set[Ear]] = defaultdict(set)
        self._count = 0

    @property
    def is_open(self) -> bool:
        """Whether one more call may wait."""
        return self._count < self._most and not self._stopping.is_set()

    @contextmanager
    def listening(self, event: EventId) -> Iterator[Ear]:
        """Hear of the report's changes. What is read within the block is followed by every change after it."""
        ear = Ear(self._stopping)
        self._ears[event].add(ear)
        self._count += 1
        try:
            yield ear
        finally:
            self._count -= 1
            self._ears[event].discard(ear)
            if not self._ears[event]:
                del self._ears[event]

    async def hear(self, signals: AsyncIterable[Signal]) -> None:
        """Take in what the reports' channel says, for ever."""
        async for signal in signals:
            match signal:
                case ChannelMessage(payload):
                    self._ring(payload)
                case Subscribed():
                    self._ring_all()
                case Unsubscribed() | TooLarge():
                    pass

    async def end_when_stopping(self) -> None:
        """Let every waiting call go as soon as the process stops."""
        await self._stopping.wait()
        self._ring_all()

    def _ring_all(self) -> None:
        for ears in self._ears.values():
            for ear in ears:
                ear.ring()

    def _ring(self, payload: bytes) -> None:
        try:
            event = parse(payload.decode())
        except ValueError:  # nobody but krt writes there; whoever does wakes nobody
            return
        for ear in self._ears.get(event, ()):
            ear.ring()
