"""Waits for what tells nobody that it has happened, where a test moves Trio's clock; see tests/fakes/patience.py."""

from collections.abc import Awaitable, Callable
from time import perf_counter

import trio

from tests.fakes.pace import PATIENCE_SECONDS

_LOOK_SECONDS = 0.005


async def eventually(
    condition: Callable[[], object] | Callable[[], Awaitable[object]], *, within_seconds: float = PATIENCE_SECONDS
) -> None:
    """Return as soon as `condition()` holds. The time is the wall's: a jump of Trio's clock ends nothing."""
    until = perf_counter() + within_seconds
    while not await _asked(condition):
        assert perf_counter() < until, f"not within {within_seconds:g} s"
        await trio.sleep(_LOOK_SECONDS)


async def _asked(condition: Callable[[], object]) -> object:
    answer = condition()
    return await answer if isinstance(answer, Awaitable) else answer
