"""Polls for a condition without a notification, such as one in another process, in a thread or at the other end."""

from collections.abc import Awaitable, Callable
from time import perf_counter

import trio

from tests.fakes.pace import PATIENCE_SECONDS

Condition = Callable[[], object] | Callable[[], Awaitable[object]]

# A look may cost a call to an API server. So the pauses between looks grow with the wait: a wait lasts a tenth longer
# than it must, and the processors are left to what the test waits for.
_LEAST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS = 0.001, 0.05
_PAUSE_OF_THE_WAIT = 0.1
_LOOK_BESIDE_JUMPS_SECONDS = 0.005


async def until_on_trio_clock(condition: Condition, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as `condition()` holds. Raises trio.TooSlowError if it does not in time.

    Not for tests with an autojump clock: the clock would jump over the time that the other side needs.
    """
    began = trio.current_time()
    with trio.fail_after(within_seconds):
        while not await _asked(condition):
            waited = trio.current_time() - began
            await trio.sleep(min(max(_LEAST_PAUSE_SECONDS, waited * _PAUSE_OF_THE_WAIT), _MOST_PAUSE_SECONDS))


async def until_on_wall_clock(condition: Condition, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """The same on the wall clock, for tests that move Trio's clock: a jump of that clock ends nothing."""
    ends_at = perf_counter() + within_seconds
    while not await _asked(condition):
        assert perf_counter() < ends_at, f"not within {within_seconds:g} s"
        await trio.sleep(_LOOK_BESIDE_JUMPS_SECONDS)


async def _asked(condition: Condition) -> object:
    answer = condition()
    return await answer if isinstance(answer, Awaitable) else answer
