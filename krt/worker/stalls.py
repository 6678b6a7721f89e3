"""Which part of a worker makes no progress, and why: readiness, a metric and an alert show it within a minute."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from krt.errors import BrokerUnavailable

STALL_SECONDS = 30.0  # several times what the longest step takes, its deadlines and waits included


class Stalls:
    """Each part says when it takes a step. The clock of a failed step runs on until a step of that part succeeds."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._problems: dict[str, str] = {}

    @contextmanager
    def step(self, part: str) -> Iterator[None]:
        """The block is one step of the part. If Valkey fails it, `problem` quotes the error."""
        self._since.setdefault(part, trio.current_time())
        try:
            yield
        except BrokerUnavailable as error:
            self._problems[part] = str(error)
            raise
        self._since.pop(part, None)
        self._problems.pop(part, None)

    def seconds(self) -> float:
        """For how long the slowest part has been at its step; 0: all of them are through."""
        return max((trio.current_time() - since for since in self._since.values()), default=0.0)

    def problem(self) -> str | None:
        """Which part has been at one step for too long, and what Valkey says to it."""
        if self.seconds() < STALL_SECONDS:
            return None
        part = min(self._since, key=lambda part: self._since[part])
        return f"{part}: no progress for {self.seconds():.0f} s: {self._problems.get(part, 'no error was said')}"
