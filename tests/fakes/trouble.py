"""Wraps any object with async methods, and injects faults before or after its calls."""

from collections.abc import Awaitable, Callable
from typing import Any

import trio

Hook = Callable[[str], Awaitable[None]]


async def nothing(_: str) -> None:
    """A hook that does nothing."""


class Troubled:
    """Awaits `before` and `after`, with the method's name, around each call of `inner`. Both may wait and raise."""

    def __init__(self, inner: Any, *, before: Hook = nothing, after: Hook = nothing) -> None:
        self._inner = inner
        self.before = before
        self.after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*args: Any) -> Any:
            await self.before(name)
            answer = await method(*args)
            await self.after(name)
            return answer

        return call


class Power:
    """Simulates a process that is killed: from then on each of its calls raises and does nothing."""

    def __init__(self, error: Callable[[str], Exception]) -> None:
        self.failed = trio.Event()
        self._error = error

    def supply(self, inner: Any, *, fail_before: str | None = None, fail_after: str | None = None) -> Troubled:
        """`inner` as this process sees it. The process dies just before or just after the call of that name."""

        async def before(name: str) -> None:
            if name == fail_before:
                self.failed.set()
            self._check()

        async def after(name: str) -> None:
            if name == fail_after:
                self.failed.set()
            self._check()

        return Troubled(inner, before=before, after=after)

    def _check(self) -> None:
        if self.failed.is_set():
            raise self._error("killed")
