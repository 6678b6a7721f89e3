"""A transport with bounds on its writes: on their number at a time, and on their number in a second."""

from typing import Any

import trio

from krt.cluster.transport import Authenticator, Transport

_READS = {"GET", "HEAD"}


class WriteBounds:
    """The bounds that several transports share: `at_once` writes at a time, and `per_second` in the long run.

    After a quiet time `burst` more writes may begin at once. A dry-run of an apply or a patch counts among the writes
    at a time, and not among those in a second.
    """

    def __init__(self, at_once: int, per_second: float, burst: int) -> None:
        self.turns = trio.CapacityLimiter(at_once)
        self._per_second, self._burst = per_second, burst
        self._free_at = -float("inf")  # when the bucket is full again, on Trio's clock

    async def pace(self) -> None:
        """Wait until one more write may begin."""
        now = trio.current_time()
        self._free_at = max(self._free_at, now) + 1 / self._per_second
        await trio.sleep(max(0.0, self._free_at - now - self._burst / self._per_second))


class BoundedTransport(Transport):
    """A transport that keeps `bounds` for its writes. Reads and watches have no bounds here."""

    def __init__(self, client: Any, credentials: Authenticator, bounds: WriteBounds) -> None:
        super().__init__(client, credentials)
        self._bounds = bounds

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:
        """The answer of Transport.ask, which is called as soon as the bounds allow it."""
        if method in _READS:
            return await super().ask(method, path, **more)
        if "dryRun" not in (more.get("params") or {}):
            await self._bounds.pace()
        async with self._bounds.turns:
            return await super().ask(method, path, **more)
