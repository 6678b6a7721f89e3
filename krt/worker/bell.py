"""Wakes the reader of the journal or the follower of rollouts. All rings before that task waits count as one."""

import trio


class Bell:
    """A signal from any number of tasks to one listener."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the listener now, or as soon as it waits."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return once the bell has been rung since the last wait returned, and after `seconds` at the latest."""
        with trio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = trio.Event()
