"""Lines about people we do not know: ten a second of each kind, and of the others the count."""

from collections import Counter

import trio

from krt.logs import Log

log = Log("web")

LINES_A_SECOND = 10


class DenialLog:
    """What strangers can cause is said without letting them fill the disk. Kinds are codes: few."""

    def __init__(self) -> None:
        self._said: Counter[tuple[str, str]] = Counter()
        self._unsaid: Counter[tuple[str, str]] = Counter()
        self._second = -1
        self._has_unsaid = trio.Event()

    def say(self, event: str, reason: str, **fields: object) -> None:
        """Log the event, or count it."""
        second, kind = int(trio.current_time()), (event, reason)
        if second != self._second:
            self._second = second
            self._said.clear()
        if self._said[kind] < LINES_A_SECOND:
            self._said[kind] += 1
            log.info(event, reason=reason, **fields)
        else:
            self._unsaid[kind] += 1
            self._has_unsaid.set()

    async def tell_counts(self) -> None:
        """Say once a second how many lines were left out, for ever, and at the end."""
        try:
            while True:
                await self._has_unsaid.wait()
                await trio.sleep(1)
                self._tell()
        finally:
            self._tell()

    def _tell(self) -> None:
        for (event, reason), count in self._unsaid.items():
            log.info("lines_left_out", of=event, reason=reason, count=count)
        self._unsaid.clear()
        self._has_unsaid = trio.Event()
