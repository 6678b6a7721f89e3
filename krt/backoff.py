"""Waits between retries: exponential, with full jitter, without an end, on Trio's clock.

krt does not use tenacity or stamina: both run on Trio, but their loops end with the first success. krt's loops lose
and regain a connection for months and start anew after each success. stamina also adds its jitter to the wait
instead of spreading it over the whole wait. krt could take only one line of arithmetic from them.
"""

import random
from collections.abc import Callable
from typing import Self

import trio


class Backoff:
    """`async for attempt in Backoff(…)` gives 1 at once, then 2, 3, … each after a wait, until the body breaks.

    The n-th wait is random between 0 and the smaller of `most_seconds` and `first_seconds` · 2^(n-1): "full jitter"
    of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    A Backoff is an iterator, not an async generator: after `break` nothing needs to be closed.
    """

    def __init__(
        self,
        first_seconds: float,
        most_seconds: float,
        *,
        between: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._between = between
        self._attempt = 0
        self._ceiling_seconds = first_seconds

    def reset(self) -> None:
        """Forget earlier failures: the next wait has the bound of the first one. The numbers of attempts go on."""
        self._ceiling_seconds = self._first_seconds

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        """Wait if this is not the first attempt. Returns the attempt's number, from 1."""
        if self._attempt:
            await trio.sleep(self._between(0, self._ceiling_seconds))
            self._ceiling_seconds = min(2 * self._ceiling_seconds, self._most_seconds)
        self._attempt += 1
        return self._attempt
