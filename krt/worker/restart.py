"""Settles one workload for one event: decide on the object as read, patch it, and decide again whenever it has changed.

Nothing is remembered between two tries: the mark on the object and the journal say all there is to know.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import trio

from krt.core.envelope import Envelope
from krt.core.matching import Match, judge
from krt.core.outcome import Covered, Failed, Outcome, Restarted, Unmatched
from krt.core.ports import Stamp, Workloads
from krt.core.restart import (
    AlreadyRestarted,
    JournalPosition,
    Mark,
    RestartLater,
    RestartNow,
    decide,
    format_time,
)
from krt.core.workload import Workload
from krt.errors import BrokerUnavailable, ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict, Gone
from krt.logs import Log
from krt.serving.backoff import Backoff
from krt.worker.entry import Entry

log = Log("worker")

_DENIED_SECONDS = 60.0  # a restarting API server answers 403 to everybody first
_FIRST_RETRY_SECONDS, _MOST_RETRY_SECONDS = 0.2, 15.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How restarts are made. `max_seconds` is how long one workload is tried for one event."""

    min_interval_seconds: float
    max_seconds: float
    require_opt_in: bool


class Restarter:
    """Makes restarts, so many calls at a time."""

    def __init__(
        self,
        workloads: Workloads,
        position: Callable[[], Awaitable[JournalPosition]],
        rules: Rules,
        *,
        calls_at_once: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._workloads = workloads
        self._position = position
        self._rules = rules
        self._calls = trio.CapacityLimiter(calls_at_once)
        self._now = now

    async def settle(self, seen: Workload, entry: Entry) -> Outcome:
        """Restart `seen`, a match of the entry's event, unless that is done already or proves impossible."""
        outcome: Outcome | None = None
        with trio.move_on_after(self._rules.max_seconds):
            outcome = await self._persist(seen, entry)
        return outcome or Failed(f"expired: not restarted within {self._rules.max_seconds:g} s")

    async def _persist(self, seen: Workload, entry: Entry) -> Outcome:
        backoff = Backoff(_FIRST_RETRY_SECONDS, _MOST_RETRY_SECONDS)
        denied_since: float | None = None
        workload: Workload | None = seen
        async for _ in backoff:
            try:
                return await self._try(workload or await self._read(seen, entry), entry)
            except _NoMatch as error:
                return Unmatched(str(error))
            except Gone:
                return Unmatched("deleted")
            except ClusterRefused as error:
                return Failed(str(error))
            except ClusterDenied as error:
                denied_since = denied_since or trio.current_time()
                if trio.current_time() - denied_since >= _DENIED_SECONDS:
                    return Failed(str(error))
                self._log_retry(seen, entry, error)
            except (ClusterUnavailable, BrokerUnavailable) as error:
                denied_since = None
                self._log_retry(seen, entry, error)
                await trio.sleep(getattr(error, "retry_after_seconds", None) or 0)
            workload = None
        raise AssertionError("a backoff does not end")

    async def _try(self, workload: Workload, entry: Entry) -> Outcome:
        waited_out: str | None = None
        while True:
            position = await self._position()
            match decide(
                workload,
                entry.id,
                position,
                now=self._now(),
                interval_seconds=self._rules.min_interval_seconds,
                waited_out=waited_out,
            ):
                case AlreadyRestarted(mark):
                    return Covered(mark.covers)
                case RestartLater(seconds):
                    await trio.sleep(seconds)
                    waited_out = workload.restarted_at
                case RestartNow():
                    try:
                        return Restarted(await self._patch(workload, entry, position))
                    except Conflict as error:
                        log.debug("restart_conflicted", workload=workload.key, problem=error)
            workload = await self._read(workload, entry)

    async def _patch(self, workload: Workload, entry: Entry, position: JournalPosition) -> Workload:
        async with self._calls:
            restarted_at = format_time(self._now())
            mark = Mark(position.name, position.newest, restarted_at)
            with trio.CancelScope(shield=True):  # the call has a deadline of its own; a patch begun is finished
                return await self._workloads.restart(workload, Stamp(restarted_at, str(mark), cause(entry.envelope)))
        raise AssertionError("a shield without a deadline is never cancelled")

    async def _read(self, workload: Workload, entry: Entry) -> Workload:
        """The workload as it is now, matched again. Raises Gone where it is another one by now."""
        async with self._calls:
            fresh = await self._workloads.read(workload.key)
        if fresh.uid != workload.uid:
            raise Gone("recreated")
        verdict = judge(entry.envelope.event, fresh, require_opt_in=self._rules.require_opt_in)
        if isinstance(verdict, Match):
            return fresh
        raise _NoMatch(verdict.reason if verdict else "runs no image of this name any more")

    def _log_retry(self, workload: Workload, entry: Entry, error: Exception) -> None:
        log.warning("restart_retried", workload=workload.key, event_id=entry.id, problem=error)


class _NoMatch(Exception):
    """Read again, the workload is no match any more."""


def cause(envelope: Envelope) -> str:
    """The annotation that tells people who asked; bounded, for refs are as long as their authors like."""
    origin = envelope.origin
    return f"{origin.repository} {origin.ref} {origin.run_url}"[:1024] if origin else "a message on the channel"
