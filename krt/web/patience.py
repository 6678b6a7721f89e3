"""Delays refusals during a storm of refusals, so that a client that retries in a loop slows down only itself."""

import random
from collections import deque
from collections.abc import Callable

import trio

AT_ONCE = 50  # refusals within a second that are not delayed
MOST_WAITING = 256  # each holds one of the listener's connections
WAIT_SECONDS = (0.25, 0.75)  # the delay is random in between, so that clients that came together return one by one


class Patience:
    """Decides how long each refusal waits. It keeps the times of recent refusals, and nothing about their clients."""

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._at: deque[float] = deque(maxlen=AT_ONCE)  # times of the last refusals
        self._until: deque[float] = deque(maxlen=MOST_WAITING)  # when the waits of refusals end, at the latest

    def seconds(self) -> float:
        """The delay of a refusal that is made now: in a storm random, within WAIT_SECONDS; otherwise 0.

        It is also 0 while MOST_WAITING refusals wait.
        """
        now = self._clock()
        is_storm = len(self._at) == AT_ONCE and self._at[0] > now - 1
        self._at.append(now)
        if not is_storm or (len(self._until) == MOST_WAITING and self._until[0] > now):
            return 0.0
        self._until.append(now + WAIT_SECONDS[1])
        return random.uniform(*WAIT_SECONDS)  # noqa: S311 - spreads load, guards nothing
