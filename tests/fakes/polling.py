"""Waiting for what tells nobody that it has happened: what another process does, or a thread, or the other end."""

from collections.abc import Awaitable, Callable
from time import perf_counter

import trio

from tests.fakes.pace import PATIENCE_SECONDS

Condition = Callable[[], object] | Callable[[], Awaitable[object]]

_LOOK_SECONDS = 0.001
_LOOK_BESIDE_JUMPS_SECONDS = 0.005


async def until_on_trio_clock(condition: Condition, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as `condition()` holds; trio.TooSlowError if it does not.

    Not under a clock that jumps: it would jump over the time that the others need.
    """
    with trio.fail_after(within_seconds):
        while not await _asked(condition):  # noqa: ASYNC110 - see above
            await trio.sleep(_LOOK_SECONDS)


async def until_on_wall_clock(condition: Condition, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """The same where a test moves Trio's clock: a jump ends nothing, for the time is the wall's."""
    ends_at = perf_counter() + within_seconds
    while not await _asked(condition):
        assert perf_counter() < ends_at, f"not within {within_seconds:g} s"
        await trio.sleep(_LOOK_BESIDE_JUMPS_SECONDS)


async def _asked(condition: Condition) -> object:
    answer = condition()
    return await answer if isinstance(answer, Awaitable) else answer
