"""Bounds the log lines that unknown callers cause: at most ten a second of each kind. Further ones are counted."""

from collections import Counter

import trio

from krt.logs import Log

log = Log("web")

LINES_A_SECOND = 10


class DenialLog:
    """Logs denials, so that unknown callers cannot fill the disk.

    A kind is an event name and a reason. Both come from closed sets, so the counters are bounded.
    """

    def __init__(self) -> None:
        self._said: Counter[tuple[str, str]] = Counter()
        self._unsaid: Counter[tuple[str, str]] = Counter()
        self._second = -1
        self._has_unsaid = trio.Event()

    def say(self, event: str, reason: str, **fields: object) -> None:
        """Log the event at info, or count it if its kind has had LINES_A_SECOND lines in this second."""
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
        """Log the counts of suppressed lines (`lines_left_out`), at most once a second. Runs until cancelled."""
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
