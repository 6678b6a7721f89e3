"""Wakes the calls that wait for an event's report to change: one subscription for all of them, and a look each 5 s."""

from collections import defaultdict
from collections.abc import AsyncIterable

import trio

from krt.core.event_id import EventId, parse
from krt.core.ports import Lost, Message, Signal, Subscribed

LOOK_SECONDS = 5.0  # a ring may be lost with its connection


class ReportWatch:
    """At most `most` calls wait at a time. When `stopping` is set, none waits any longer."""

    def __init__(self, most: int, stopping: trio.Event) -> None:
        self._most = most
        self._stopping = stopping
        self._waiting: defaultdict[EventId, set[trio.Event]] = defaultdict(set)
        self._count = 0

    @property
    def is_open(self) -> bool:
        """Whether one more call may wait."""
        return self._count < self._most and not self._stopping.is_set()

    async def hear(self, signals: AsyncIterable[Signal]) -> None:
        """Take in what the reports' channel says, for ever."""
        async for signal in signals:
            match signal:
                case Message(payload):
                    self._ring(payload)
                case Subscribed():
                    for rung in [one for some in self._waiting.values() for one in some]:
                        rung.set()
                case Lost():
                    pass

    async def end_when_stopping(self) -> None:
        """Let every waiting call go as soon as the process stops."""
        await self._stopping.wait()
        for rung in [one for some in self._waiting.values() for one in some]:
            rung.set()

    async def wait(self, event: EventId, seconds: float) -> None:
        """Return when the report may have changed, or after `seconds`, or when the process stops."""
        rung = trio.Event()
        self._waiting[event].add(rung)
        self._count += 1
        try:
            with trio.move_on_after(min(seconds, LOOK_SECONDS)):
                await rung.wait()
        finally:
            self._count -= 1
            self._waiting[event].discard(rung)
            if not self._waiting[event]:
                del self._waiting[event]

    def _ring(self, payload: bytes) -> None:
        try:
            event = parse(payload.decode())
        except ValueError:  # nobody but krt writes there; whoever does wakes nobody
            return
        for rung in self._waiting.get(event, ()):
            rung.set()
