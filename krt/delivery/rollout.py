"""The state of a target in the report of a delivery, from the target as it is now. Pure."""

from collections.abc import Mapping

from krt.core.delivery.bundle_restart import workload_of
from krt.core.delivery.restart_steps import TakeOffList
from krt.core.delivery.restart_target import RestartTarget
from krt.core.kube.rollout import NO_PODS, Counts, Progressing, stage_of
from krt.core.reason import readable
from krt.core.report.target import Target, TargetState


def rolling(target: RestartTarget, body: Mapping[str, object] | None) -> Target:
    """The state of a target whose rollout is awaited."""
    workload = workload_of(target, body)
    if workload is None:
        return Target(TargetState.WAITING)
    stage = stage_of(workload)
    reason = stage.reason if isinstance(stage, Progressing) else ""
    return _counted(TargetState.PROGRESSING, stage.counts, readable(reason))


def settled(step: TakeOffList, body: Mapping[str, object] | None, seconds: float) -> Target:
    """The state of a target that has left the list of owed restarts, `seconds` after its restart."""
    workload = workload_of(step.target, body)
    if step.warning or workload is None:
        return Target(TargetState.SKIPPED, reason=step.warning, warnings=(step.warning,) if step.is_restarted else ())
    counts = stage_of(workload).counts
    warnings = (NO_PODS,) if counts.desired == 0 else ()
    return _counted(TargetState.READY, counts, seconds=round(seconds, 1), warnings=warnings)


def _counted(
    state: TargetState, counts: Counts, reason: str = "", seconds: float = 0.0, warnings: tuple[str, ...] = ()
) -> Target:
    return Target(
        state,
        reason,
        warnings,
        updated=counts.updated,
        available=counts.available,
        desired=counts.desired,
        seconds=seconds,
    )
