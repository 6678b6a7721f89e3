"""Who is refused while many are has to wait for it: whoever asks again and again takes its time from nobody else."""

import random
from collections import deque
from collections.abc import Callable

import trio

AT_ONCE = 50  # refusals within a second that nobody waits for
MOST_WAITING = 256  # a connection each, of those that the listener has
WAIT_SECONDS = (0.25, 0.75)  # spread, so that those who come together do not come back together


class Patience:
    """How long the next refusal waits. Only the times of some are kept, never whose they were."""

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._at: deque[float] = deque(maxlen=AT_ONCE)  # the last ones
        self._until: deque[float] = deque(maxlen=MOST_WAITING)  # when those that wait will have waited

    def seconds(self) -> float:
        """For one refusal, now."""
        now = self._clock()
        is_storm = len(self._at) == AT_ONCE and self._at[0] > now - 1
        self._at.append(now)
        if not is_storm or (len(self._until) == MOST_WAITING and self._until[0] > now):
            return 0.0
        self._until.append(now + WAIT_SECONDS[1])
        return random.uniform(*WAIT_SECONDS)  # noqa: S311 - spreads load, guards nothing
