"""Logs the bugs that one connection ran into: where, never with what the peer sent."""

import logging
import traceback
from collections.abc import Iterator

import trio

_log = logging.getLogger("krt.serving")
_QUIET_SECONDS = 60.0


class FailureLog:
    """Logs a failure at the place where it occurred, and the same place again only after a minute.

    The exception's own text is left out: h11 and others quote the request in it.
    The places are lines of code, so their number is bounded.
    """

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}

    def report(self, failure: Exception, *, request_id: str) -> None:
        for leaf in _leaves(failure):
            frames = traceback.extract_tb(leaf.__traceback__)
            place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
            self._log(type(leaf).__qualname__, place, frames, request_id)

    def _log(self, kind: str, place: str, frames: traceback.StackSummary, request_id: str) -> None:
        key, now = f"{kind} {place}", trio.current_time()
        if now < self._logged_at.get(key, -_QUIET_SECONDS) + _QUIET_SECONDS:
            return
        self._logged_at[key] = now
        _log.error(
            "connection_failed",
            extra={"error": kind, "request_id": request_id, "trace": "".join(frames.format())},
        )


def _leaves(failure: Exception) -> Iterator[Exception]:
    if isinstance(failure, ExceptionGroup):
        for inner in failure.exceptions:
            yield from _leaves(inner)
    else:
        yield failure
