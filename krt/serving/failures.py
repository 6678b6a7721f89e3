"""Logs an unexpected exception of one connection: its class and its place in the code, never the peer's data."""

import math
import traceback
from collections.abc import Iterator
from pathlib import Path

import trio

from krt.logs import Log

log = Log("serving")

_QUIET_SECONDS = 60.0
_FRAMES = 6


class FailureLog:
    """Logs a failure with its place; logs the same failure at the same place at most once a minute.

    The exception's own text is left out, because h11 and others quote the request in it. The memory is bounded,
    because places are lines of code.
    """

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}

    def report(self, failure: Exception, *, request_id: str) -> None:
        """Log each exception in `failure`, which may be a group."""
        for leaf in _leaves(failure):
            walked = traceback.walk_tb(leaf.__traceback__)
            frames = traceback.StackSummary.extract(walked, lookup_lines=False)[-_FRAMES:]  # reads no source
            where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
            self._log(f"{type(leaf).__qualname__} at {where}", request_id)

    def _log(self, fault: str, request_id: str) -> None:
        now = trio.current_time()
        if now < self._logged_at.get(fault, -math.inf) + _QUIET_SECONDS:
            return
        self._logged_at[fault] = now
        log.error("connection_failed", fault=fault, request_id=request_id)


def _leaves(failure: Exception) -> Iterator[Exception]:
    if isinstance(failure, ExceptionGroup):
        for inner in failure.exceptions:
            yield from _leaves(inner)
    else:
        yield failure
