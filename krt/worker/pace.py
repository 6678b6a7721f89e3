"""Limits the restarts per second with a token bucket, so that many events at once do not flood the API server.

krt has its own limiter, because aiolimiter and asynciolimiter need asyncio. aiometer runs on Trio, but limits only
tasks that it starts itself, while a restart asks for its turn between reading and patching an object.
"""

import trio


class Pace:
    """Gives at most `per_second` turns in a second on average. After a second without any it gives as many at once."""

    def __init__(self, per_second: float) -> None:
        self._seconds_a_turn = 1 / per_second
        self._due = -1.0  # on Trio's clock: the time at which the rate catches up with the turns that were given

    def take(self) -> bool:
        """Take a turn if there is one now. Returns whether there was."""
        earned = max(self._due, trio.current_time() - 1.0) + self._seconds_a_turn
        if earned > trio.current_time():
            return False
        self._due = earned
        return True

    async def turn(self) -> None:
        """Wait for a turn. Callers get theirs in the order in which they asked."""
        now = trio.current_time()
        self._due = max(self._due, now - 1.0) + self._seconds_a_turn
        await trio.sleep(max(0.0, self._due - now))
