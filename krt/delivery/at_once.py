"""Does a piece of work for many items, a few at a time; and repeats a call that may succeed later."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import trio

from krt.backoff import Backoff
from krt.errors import ClusterUnavailable, NotThere

T = TypeVar("T")

MOST_AT_ONCE = 8  # writes in parallel
# Dry-runs in parallel. They change nothing, so a slow network need not make a first delivery twice as long.
MOST_LOOKS_AT_ONCE = 24


async def each(items: Iterable[T], work: Callable[[T], Awaitable[bool]], *, most: int = MOST_AT_ONCE) -> None:
    """`work` for each item, `most` at a time. Once it has returned False, no further item is begun."""
    rest = iter(items)
    async with trio.open_nursery() as nursery:
        for _ in range(most):
            nursery.start_soon(_work_off, rest, work)


async def _work_off(rest: Iterator[T], work: Callable[[T], Awaitable[bool]]) -> None:
    for item in rest:
        if not await work(item):
            for _ in rest:
                pass  # the other tasks find no item any more


def _never(_: NotThere) -> bool:
    return False


async def patiently(
    call: Callable[[], Awaitable[T]],
    tell: Callable[[str], None],
    *,
    may_appear: Callable[[NotThere], bool] = _never,
) -> T:
    """The call's result. It is repeated after ClusterUnavailable, and after NotThere (404) if that `may_appear`.

    `tell` gets the reason of each repetition. There is no end: the caller's cancel scope is the deadline.
    """
    async for _ in Backoff(first_seconds=0.2, most_seconds=5.0):
        try:
            return await call()
        except ClusterUnavailable as error:
            tell(str(error))
            await trio.sleep(error.retry_after_seconds)
        except NotThere as error:
            if not may_appear(error):
                raise
            tell(str(error))
    raise AssertionError("Backoff goes on for ever")
