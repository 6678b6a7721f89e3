"""Restarts one workload for one event: read it, decide, patch it, and decide again if it has changed meanwhile.

No attempt remembers a restart: only the mark on the object and the journal's position show whether an event is covered.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import trio

from krt.backoff import Backoff
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Index, OnRestart, Stamp, Workloads
from krt.core.restart.decide import AlreadyRestarted, Decision, RestartLater, RestartNow, decide
from krt.core.restart.intent import Intent
from krt.core.restart.mark import JournalPosition, Mark, next_restart, odd_mark
from krt.core.restart.matching import Match
from krt.core.restart.outcome import Covered, Expired, Failed, Outcome, Restarted, Unmatched
from krt.errors import (
    BrokerUnavailable,
    ClusterDenied,
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    NotThere,
    VersionExpired,
)
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.case import Case
from krt.worker.pace import Pace
from krt.worker.position import LastPosition

log = Log("worker")

_FIRST_RETRY_SECONDS, _MOST_RETRY_SECONDS = 0.2, 15.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings by which restarts are made and followed."""

    min_interval_seconds: float  # between two restarts of one workload
    max_seconds: float  # until one workload counts as expired for one event, waits for other workloads not counted
    rollout_deadline_seconds: float  # after which a rollout that does not end by itself counts as failed


class Restarter:
    """Restarts workloads, with at most `calls_at_once` calls to the API server at a time, and no faster than `pace`.

    `now` is the wall clock, in UTC. `on_restart` is called after each patch.
    """

    def __init__(
        self,
        workloads: Workloads,
        index: Index,
        position: LastPosition,
        rules: Rules,
        pace: Pace,
        metrics: WorkerMetrics,
        *,
        calls_at_once: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_restart: OnRestart | None = None,
    ) -> None:
        self._workloads = workloads
        self._index = index
        self._position = position
        self._rules = rules
        self._pace = pace
        self._metrics = metrics
        self._calls = trio.CapacityLimiter(calls_at_once)
        self._now = now
        self._on_restart = on_restart

    async def settle(self, seen: Workload, intent: Intent, *, accepted_at: float) -> Outcome:
        """Restart `seen`, which matches the intent, unless a restart covers the event already or none is possible.

        `accepted_at`, on Trio's clock, is when the event was accepted: the metric counts from there. Raises none of
        krt's errors: each leads to an outcome or a retry. Retries end after `max_seconds` of the rules, without the
        time for which the workload waits for others.
        """
        case = Case(seen, intent, accepted_at)
        case.scope.deadline = trio.current_time() + self._rules.max_seconds
        with case.scope:
            return await self._retry_until_settled(case)
        return Expired(f"not restarted within {self._rules.max_seconds:g} s")

    async def _retry_until_settled(self, case: Case) -> Outcome:
        backoff = Backoff(_FIRST_RETRY_SECONDS, _MOST_RETRY_SECONDS)
        async for attempt in backoff:
            try:
                if attempt > 1:
                    self._look(case)
                    await self._reread(case)
                return await self._attempt(case)
            except _NoMatch as error:
                return Unmatched(str(error))
            except NotThere:
                return Unmatched("deleted or recreated")
            except ClusterRefused as error:
                return Failed(str(error))
            except ClusterDenied as error:
                if not case.denial_may_pass():
                    return Failed(str(error))
                self._say_retry(case, error, "denied")
            except (ClusterUnavailable, VersionExpired) as error:
                case.denied_since = None
                self._say_retry(case, error, "unavailable")
                await trio.sleep(error.retry_after_seconds)
            except BrokerUnavailable as error:  # the journal's position was never read, or the mark is newer than it
                self._say_retry(case, error, "journal")
        raise AssertionError("a backoff does not end")

    async def _attempt(self, case: Case) -> Outcome:
        """Decide, and act on the decision, until there is an outcome.

        1. If the object's mark shows a restart that covers the event, the outcome is Covered.
        2. If the restart is due and this workload has a turn, patch. After a conflict, read and decide again.
        3. If the restart is due later, or this workload has no turn yet, wait, then read and decide again. The wait
           holds no slot, that is, none of the `calls_at_once`.
        """
        while True:
            async with self._slot(case):
                position = await self._position.judging(case.workload, await self._position.read())
                decision = self._decide(case, position)
                if isinstance(decision, RestartNow) and (case.has_turn or self._pace.take()):
                    case.has_turn = True
                    try:
                        restarted = await self._patch(case, position)
                        self._metrics.patched(trio.current_time() - case.accepted_at)
                        return Restarted(restarted, position.newest)
                    except Conflict as error:
                        self._metrics.retried("conflict")
                        log.debug("restart_conflicted", workload=case.workload.key, problem=error)
            if isinstance(decision, AlreadyRestarted):
                return Covered(case.workload, decision.mark.covers)
            await self._wait_for_turn(case, decision)
            await self._reread(case)

    @asynccontextmanager
    async def _slot(self, case: Case) -> AsyncIterator[None]:
        with case.clock_stopped():
            await self._calls.acquire()
        try:
            yield
        finally:
            self._calls.release()

    def _decide(self, case: Case, position: JournalPosition) -> Decision:
        if problem := odd_mark(case.workload, position):
            log.warning("mark_ignored", workload=case.workload.key, mark=case.workload.mark, problem=problem)
        return decide(
            case.workload,
            case.intent.id,
            position,
            now=self._now(),
            interval_seconds=self._rules.min_interval_seconds,
            waited_out=case.waited_out,
        )

    async def _wait_for_turn(self, case: Case, decision: RestartNow | RestartLater) -> None:
        if isinstance(decision, RestartLater):
            await trio.sleep(decision.seconds)
            case.waited_out = case.workload.restarted_at
        elif not case.has_turn:
            with case.clock_stopped():
                await self._pace.turn()
            case.has_turn = True

    async def _patch(self, case: Case, position: JournalPosition) -> Workload:
        restarted_at = next_restart(case.workload, self._now())
        mark = Mark(position.name, position.newest, restarted_at)
        stamp = Stamp(restarted_at, str(mark), case.intent.cause, mark.covers)
        with trio.CancelScope(shield=True):  # a patch that was begun is finished; the call has its own deadline
            restarted = await self._workloads.restart(case.workload, stamp)
            if self._on_restart:
                self._on_restart(restarted, stamp.cause)
            return restarted
        raise AssertionError("a shield without a deadline is never cancelled")

    async def _reread(self, case: Case) -> None:
        """Read the workload again. Raises NotThere if it is another object by now, _NoMatch if it matches no more."""
        async with self._slot(case):
            fresh = await self._workloads.read(case.workload.key)
        self._judge(case, fresh)
        case.workload = fresh

    def _look(self, case: Case) -> None:
        """Raise NotThere or _NoMatch if the index shows that the workload is gone or matches no more.

        Reading the object may not show this: the right to read in a namespace may be gone with the namespace.
        """
        known = self._index.get(case.workload.key)
        if known is None:
            raise NotThere("not in the index any more")
        self._judge(case, known)

    def _judge(self, case: Case, workload: Workload) -> None:
        if workload.uid != case.workload.uid:
            raise NotThere("recreated")
        verdict = case.intent.judge(workload)
        if not isinstance(verdict, Match):
            raise _NoMatch(verdict.reason if verdict else "runs no image of this name any more")

    def _say_retry(self, case: Case, error: Exception, reason: str) -> None:
        self._metrics.retried(reason)
        log.warning("restart_retried", workload=case.workload.key, event_id=case.intent.id, problem=error)


class _NoMatch(Exception):
    """The workload as it is now does not match any more. The message is the reason."""
