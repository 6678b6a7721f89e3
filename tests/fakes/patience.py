"""Waiting for what happens outside of Trio, where nothing can set an event."""

from collections.abc import Awaitable, Callable

import trio

from tests.fakes.pace import PATIENCE_SECONDS


async def until(
    holds: Callable[[], bool] | Callable[[], Awaitable[bool]], *, within_seconds: float = PATIENCE_SECONDS
) -> None:
    """Raises trio.TooSlowError if it does not."""
    with trio.fail_after(within_seconds):
        while not await _asked(holds):  # noqa: ASYNC110 - see above
            await trio.sleep(0.001)


async def _asked(holds: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> bool:
    answer = holds()
    return answer if isinstance(answer, bool) else await answer
