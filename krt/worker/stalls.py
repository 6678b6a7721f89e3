"""Detects a part of a worker that makes no progress. Readiness, a metric and an alert show this within a minute."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from krt.errors import BrokerUnavailable

STALL_SECONDS = 30.0  # longer than a step of a part that makes progress


class Stalls:
    """Measures the steps of each part. After a failed step the time runs on until a step of the same part succeeds."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._problems: dict[str, str] = {}

    @contextmanager
    def step(self, part: str) -> Iterator[None]:
        """Measure the block as one step of `part`. If it raises BrokerUnavailable, `problem` will quote that error."""
        self._since.setdefault(part, trio.current_time())
        try:
            yield
        except BrokerUnavailable as error:
            self._problems[part] = str(error)
            raise
        self._since.pop(part, None)
        self._problems.pop(part, None)

    def seconds(self) -> float:
        """How long ago the slowest part began the step that has not succeeded yet; 0 if there is no such step."""
        return max((trio.current_time() - since for since in self._since.values()), default=0.0)

    def problem(self) -> str | None:
        """A sentence on the slowest part, with Valkey's error if there is one; None if no part has stalled for 30 s."""
        if self.seconds() < STALL_SECONDS:
            return None
        part = min(self._since, key=lambda part: self._since[part])
        return f"{part}: no progress for {self.seconds():.0f} s: {self._problems.get(part, 'Valkey reported no error')}"
