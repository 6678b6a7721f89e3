"""Does a piece of work for many items, a few at a time."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import trio

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
