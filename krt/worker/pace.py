"""How many restarts a second: a token bucket, so that a storm of events does not become one of patches."""

import trio


class Pace:
    """At most `per_second` turns a second on average, and as many at once after a quiet second."""

    def __init__(self, per_second: float) -> None:
        self._seconds_a_turn = 1 / per_second
        self._due = -1.0  # on Trio's clock: when all turns that were given away are earned

    def take(self) -> bool:
        """Take a turn if there is one now."""
        earned = max(self._due, trio.current_time() - 1.0) + self._seconds_a_turn
        if earned > trio.current_time():
            return False
        self._due = earned
        return True

    async def turn(self) -> None:
        """Wait for a turn, in the order of asking."""
        now = trio.current_time()
        self._due = max(self._due, now - 1.0) + self._seconds_a_turn
        await trio.sleep(max(0.0, self._due - now))
