"""Which part of a worker does not get on, and why: readiness, a metric and an alert tell that within a minute."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from krt.errors import BrokerUnavailable

TOLD_SECONDS = 30.0  # several times what the longest step takes, its deadlines and waits included


class Stalls:
    """Each part says when it takes a step; a step that fails is gone on with by the next."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._problems: dict[str, str] = {}

    @contextmanager
    def step(self, part: str) -> Iterator[None]:
        """What is done within is a step of the part. What Valkey said against it is told."""
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
        if self.seconds() < TOLD_SECONDS:
            return None
        part = min(self._since, key=lambda part: self._since[part])
        return f"{part}: no progress for {self.seconds():.0f} s: {self._problems.get(part, 'no error was said')}"
