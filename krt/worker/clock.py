"""Valkey's clock, which dates events. It is read once a minute, and Trio's clock measures the time in between."""

import trio

from krt.core.announce.event_id import EventId
from krt.core.ports.journal import Journal

_ASK_SECONDS = 60.0


class ValkeyClock:
    """Valkey's time, which all workers share."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._asked_at = -float("inf")
        self._ahead = 0.0  # seconds by which Valkey's clock is ahead of Trio's

    async def now(self) -> float:
        """Seconds since the epoch. Raises BrokerUnavailable."""
        if trio.current_time() - self._asked_at > _ASK_SECONDS:
            valkey = await self._journal.now()
            self._asked_at = trio.current_time()
            self._ahead = valkey - self._asked_at
        return trio.current_time() + self._ahead

    async def age_seconds(self, entry: EventId) -> float:
        """How long ago the event was accepted. Raises BrokerUnavailable."""
        return await self.now() - entry.milliseconds / 1000

    async def accepted_at(self, entry: EventId) -> float:
        """When the event was accepted, on Trio's clock. Raises BrokerUnavailable."""
        age_seconds = await self.age_seconds(entry)
        return trio.current_time() - age_seconds
