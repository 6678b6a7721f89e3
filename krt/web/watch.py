"""Wakes the calls that wait for a report to change.

All calls share one subscription to the reports' channel. Each call also looks by itself every LOOK_SECONDS, because a
message may be lost with its connection.
"""

from collections import defaultdict
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager

import trio

from krt.core.announce.event_id import EventId, parse
from krt.core.ports.channel import ChannelMessage, Signal, Subscribed, TooLarge, Unsubscribed

LOOK_SECONDS = 5.0
TOGETHER_SECONDS = 0.2  # changes within this time make one answer


class Ear:
    """Wakes one waiting call when its event's report may have changed."""

    def __init__(self, stopping: trio.Event) -> None:
        self._stopping = stopping
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the call: the report may have changed."""
        self._rung.set()

    async def wait(self, until: float) -> bool:
        """Wait until the call should read the report: after a change, after LOOK_SECONDS, or at `until`.

        Returns False if the call must answer without another read: `until` has passed, or the process is stopping.
        """
        with trio.move_on_at(min(until, trio.current_time() + LOOK_SECONDS)):
            await self._rung.wait()
            if not self._stopping.is_set():
                await trio.sleep(TOGETHER_SECONDS)
        self._rung = trio.Event()
        return trio.current_time() < until and not self._stopping.is_set()


class ReportWatch:
    """The waiting calls. The caller asks `is_open` first, so at most `most` wait, and none once `stopping` is set."""

    def __init__(self, most: int, stopping: trio.Event) -> None:
        self._most = most
        self._stopping = stopping
        self._ears: defaultdict[EventId, set[Ear]] = defaultdict(set)
        self._count = 0

    @property
    def is_open(self) -> bool:
        """Whether another call may wait."""
        return self._count < self._most and not self._stopping.is_set()

    @contextmanager
    def listening(self, event: EventId) -> Iterator[Ear]:
        """Within the block, each change of the event's report rings the yielded Ear."""
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
        """Wake calls by the messages of the reports' channel, for ever. After a reconnection every call is woken."""
        async for signal in signals:
            match signal:
                case ChannelMessage(payload):
                    self._ring(payload)
                case Subscribed():
                    self._ring_all()
                case Unsubscribed() | TooLarge():
                    pass

    async def end_when_stopping(self) -> None:
        """Wake every waiting call when the process begins to stop."""
        await self._stopping.wait()
        self._ring_all()

    def _ring_all(self) -> None:
        for ears in self._ears.values():
            for ear in ears:
                ear.ring()

    def _ring(self, payload: bytes) -> None:
        try:
            event = parse(payload.decode())
        except ValueError:  # not one of krt's messages
            return
        for ear in self._ears.get(event, ()):
            ear.ring()
