"""Wakes the task that reads the journal. Any number of rings before it listens count as one."""

import trio


class Bell:
    """For one listener, and any number of tasks that ring."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the listener now, or as soon as it waits."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return as soon as it has been rung since the last wait returned, or after `seconds`."""
        with trio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = trio.Event()
