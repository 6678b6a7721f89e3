"""Polls for a condition without a notification, such as one in another process, in a thread or at the other end."""

from collections.abc import Awaitable, Callable
from time import perf_counter

import trio

from tests.fakes.pace import PATIENCE_SECONDS

Condition = Callable[[], object] | Callable[[], Awaitable[object]]

_LOOK_SECONDS = 0.001
_LOOK_BESIDE_JUMPS_SECONDS = 0.005


async def until_on_trio_clock(condition: Condition, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as `condition()` holds. Raises trio.TooSlowError if it does not in time.

    Not for tests with an autojump clock: the clock would jump over the time that the other side needs.
    """
    with trio.fail_after(within_seconds):
        while not await _asked(condition):  # noqa: ASYNC110 - see above
            await trio.sleep(_LOOK_SECONDS)


async def until_on_wall_clock(condition: Condition, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """The same on the wall clock, for tests that move Trio's clock: a jump of that clock ends nothing."""
    ends_at = perf_counter() + within_seconds
    while not await _asked(condition):
        assert perf_counter() < ends_at, f"not within {within_seconds:g} s"
        await trio.sleep(_LOOK_BESIDE_JUMPS_SECONDS)


async def _asked(condition: Condition) -> object:
    answer = condition()
    return await answer if isinstance(answer, Awaitable) else answer
