"""Waits for what tells nobody that it has happened."""

from collections.abc import Callable
from time import perf_counter

import trio

_LOOK_SECONDS = 0.005


async def eventually(condition: Callable[[], object], *, within_seconds: float = 10.0) -> None:
    """Return as soon as `condition()` holds. The time is the wall's: a test that moves Trio's clock ends nothing."""
    until = perf_counter() + within_seconds
    while not condition():
        assert perf_counter() < until, f"not within {within_seconds:g} s"
        await trio.sleep(_LOOK_SECONDS)
