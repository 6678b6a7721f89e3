"""Writes the matched and the skipped workloads of an event into its report, before any workload is restarted.

If this worker dies, another worker goes on from the report (docs/correctness.md, T2).
"""

from collections.abc import Collection, Sequence

from krt.backoff import Backoff
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.ports.rollouts import Rollouts
from krt.core.report.report import MOST_TARGETS, Group, GroupState
from krt.core.report.target import Target, TargetState
from krt.core.restart import matching
from krt.core.restart.matching import Match, Skip, Verdict
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.entry import Entry

log = Log("worker")

_SERVED = "created or restarted after the event: not restarted again"


class Recorder:
    """Writes the verdicts of one worker into the reports, and notes them in the Entry of the event."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    async def record_match(
        self, entry: Entry, verdicts: Sequence[Verdict], wanted: Collection[Workload], served: Collection[ObjectKey]
    ) -> None:
        """Record the verdicts on an entry. Raises BrokerUnavailable.

        The workloads in `wanted` are followed. A workload whose key is in `served` is not restarted, because others
        have created or restarted it after the event. The report lists at most MOST_TARGETS workloads, unless `wanted`
        alone has more. It only counts the others, and leaves out skipped workloads before matched ones.
        """
        for verdict in verdicts:
            if isinstance(verdict, Match):
                _warn(entry, verdict)
        follow = {workload.key: workload.uid for workload in wanted}
        listed = sorted(verdicts, key=lambda each: (each.workload.key not in follow, isinstance(each, Skip)))
        listed = listed[: max(MOST_TARGETS, len(follow))]
        entry.listed |= {v.workload.key: "" if isinstance(v, Skip) else v.workload.uid for v in listed}
        entry.recorded |= {v.workload.key: _target(v, entry, is_served=v.workload.key in served) for v in listed}
        entry.followed |= follow
        entry.unlisted = len(verdicts) - len(listed)
        await self._rollouts.record(entry.id, _group(entry), entry.recorded, follow)

    async def record_late_match(self, entry: Entry, match: Match) -> None:
        """Record a match that is not recorded yet. Retries until Valkey answers or the entry is dropped."""
        workload = match.workload
        if entry.listed.get(workload.key) == workload.uid:
            return
        _warn(entry, match)
        target = {workload.key: _waiting(workload, match.warnings)}
        entry.recorded |= target
        entry.followed[workload.key] = workload.uid
        async for _ in Backoff(first_seconds=0.1, most_seconds=5.0):
            if entry.dropped:
                return
            try:
                await self._rollouts.record(entry.id, _group(entry), target, {workload.key: workload.uid})
            except BrokerUnavailable as error:
                log.warning("late_match_not_recorded", workload=workload.key, event_id=entry.id, problem=error)
            else:
                entry.listed[workload.key] = workload.uid
                return


def _warn(entry: Entry, match: Match) -> None:
    """Log the reasons why a restart may not bring the new image."""
    if match.warnings:
        log.warning("restart_may_not_help", workload=match.workload.key, warnings=match.warnings, event_id=entry.id)


def _group(entry: Entry) -> Group:
    return Group(GroupState.MATCHED, workloads=entry.workloads())


def _waiting(workload: Workload, warnings: tuple[matching.Warning, ...], *, is_served: bool = False) -> Target:
    # The report of a restart keeps only the warning about imagePullPolicy. Any other may be outdated when the rollout
    # ends, and shows in the rollout's own state.
    lasting = tuple(warning for warning in warnings if warning is matching.Warning.PULL_POLICY)
    return Target(TargetState.WAITING, warnings=(*lasting, _SERVED) if is_served else lasting, uid=workload.uid)


def _target(verdict: Verdict, entry: Entry, *, is_served: bool) -> Target:
    match verdict:
        case Skip(_, reason):
            return Target(TargetState.SKIPPED, reason=reason)
        case Match(_, warnings) if entry.envelope.dry_run:
            return Target(TargetState.WOULD_RESTART, warnings=warnings)
        case Match(workload, warnings):
            return _waiting(workload, warnings, is_served=is_served)
