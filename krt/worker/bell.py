"""Rung when there may be something in the journal; any number of rings before it is heard are one."""

import trio


class Bell:
    """One listener, any number of ringers."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the listener now, or the next time it listens."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return when it was rung since the last wait, or after `seconds`."""
        with trio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = trio.Event()
