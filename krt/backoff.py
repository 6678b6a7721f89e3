"""How long to wait before trying again: exponential with full jitter, for ever, under Trio's clock.

Ours and not tenacity's or stamina's: both run on Trio, but their loop ends with the first success, while
krt's loops lose and regain a connection for months and start anew after each good one; stamina's jitter is
added to the wait instead of spread over all of it. What would be left to take over is one line of arithmetic.
"""

import random
from collections.abc import Callable
from typing import Self

import trio


class Backoff:
    """`async for attempt in Backoff(…)`: 1 at once, then 2, 3, … each after a wait, until the body breaks.

    The n-th wait is anything between nothing and the lesser of `most_seconds` and `first_seconds` · 2^(n-1):
    "full jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    An iterator and no async generator: `break` leaves nothing behind that wants to be closed.
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
        """Forget the failures so far: the next wait is as short as the first."""
        self._ceiling_seconds = self._first_seconds

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        """Wait as the failures since the start or the last reset ask for; the number of this attempt."""
        if self._attempt:
            await trio.sleep(self._between(0, self._ceiling_seconds))
            self._ceiling_seconds = min(2 * self._ceiling_seconds, self._most_seconds)
        self._attempt += 1
        return self._attempt
