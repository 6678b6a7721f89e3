"""A transport whose writes are few at a time, and not too many a second."""

from typing import Any

import trio

from krt.cluster.transport import Authenticator, Transport

_READS = {"GET", "HEAD"}


class WriteBounds:
    """The bounds that several transports share. Dry-runs count among the writes in parallel, but not by the second.

    `per_second` holds in the long run; as many as `burst` may come at once after a quiet time.
    """

    def __init__(self, at_once: int, per_second: float, burst: int) -> None:
        self.turns = trio.CapacityLimiter(at_once)
        self._per_second, self._burst = per_second, burst
        self._free_at = -float("inf")  # when the bucket is full again, on Trio's clock

    async def pace(self) -> None:
        """Wait until one more write fits."""
        now = trio.current_time()
        self._free_at = max(self._free_at, now) + 1 / self._per_second
        await trio.sleep(max(0.0, self._free_at - now - self._burst / self._per_second))


class BoundedTransport(Transport):
    """A transport within the bounds of writes; reads and watches have none here."""

    def __init__(self, client: Any, credentials: Authenticator, bounds: WriteBounds) -> None:
        super().__init__(client, credentials)
        self._bounds = bounds

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:
        """As Transport.ask, once it is this call's turn."""
        if method in _READS:
            return await super().ask(method, path, **more)
        if "dryRun" not in (more.get("params") or {}):
            await self._bounds.pace()
        async with self._bounds.turns:
            return await super().ask(method, path, **more)
