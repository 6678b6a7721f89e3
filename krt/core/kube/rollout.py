"""The stage of a rollout, by the workload's own status. Pure.

Source: k8s.io/kubectl, pkg/polymorphichelpers/rollout_status.go. krt is stricter in three cases, in which kubectl says
"successfully rolled out" while an old pod still runs: below a StatefulSet's partition, during minReadySeconds, and on
nodes that a DaemonSet should not run on any more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from krt.core.kube.restartable import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from krt.core.kube.workload import BundleStatus, RolloutStatus, Workload

PAUSED = "the rollout is paused: it goes on after `kubectl rollout resume`"
ON_DELETE = "its pods are replaced when somebody deletes them (OnDelete)"
NO_PODS = "zero replicas"
UNSAID = "the delivery has ended, and its status does not say how"


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of pods: those of the new template, the available ones, and the wanted ones."""

    updated: int
    available: int
    desired: int


@dataclass(frozen=True, slots=True)
class Progressing:
    """The controller is replacing pods, or has not seen the new template yet. `reason` names the obstacle, or is ""."""

    counts: Counts
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Every pod is of the new template and available; the objects of a BundleDeployment are installed and healthy."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class Stuck:
    """The controller has given up: progressDeadlineSeconds went by without progress, or the delivery has failed."""

    counts: Counts
    reason: str


@dataclass(frozen=True, slots=True)
class Untracked:
    """The controller will do nothing more by itself, and old pods still run (OnDelete, a partition)."""

    counts: Counts
    reason: str


_UNCOUNTED = Counts(0, 0, 0)  # of a BundleDeployment, which has no pods of its own

Stage = Progressing | Ready | Stuck | Untracked


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of one kind: the number of wanted pods, whether the rollout is complete, and the obstacle, or ""."""

    desired: Callable[[Workload], int]
    is_complete: Callable[[Workload], bool]
    awaited: Callable[[Workload], str]


def stage_of(workload: Workload) -> Stage:
    """The stage of the workload's rollout, according to the workload's status."""
    return _bundle_stage(workload.bundle) if workload.bundle else _pods_stage(workload)


def _bundle_stage(bundle: BundleStatus) -> Stage:
    if not bundle.is_handled:
        return Progressing(_UNCOUNTED, bundle.problem)
    return Ready(_UNCOUNTED) if bundle.is_ready else Stuck(_UNCOUNTED, bundle.problem or UNSAID)


def _pods_stage(workload: Workload) -> Stage:
    rules, status = _RULES[workload.key.kind], workload.status
    counts = Counts(status.updated, status.available, rules.desired(workload))
    reason = _said(PAUSED if workload.paused else "", *status.problems, rules.awaited(workload))
    if status.observed_generation < workload.generation:
        # The counts still describe the previous template. A Deployment whose new ReplicaSet the API server refuses
        # stays in this state, and its conditions say why.
        return Progressing(replace(counts, updated=0), _said(PAUSED if workload.paused else "", *status.problems))
    if status.deadline_exceeded is not None and not workload.paused:
        return Stuck(counts, _said(status.deadline_exceeded, *status.problems, status.unavailable))
    if rules.is_complete(workload):
        return Ready(counts)
    if workload.on_delete:
        return Untracked(counts, ON_DELETE)
    if _is_held_by_partition(workload):
        return Untracked(counts, _partition_keeps(workload))
    return Progressing(counts, reason)


def has_no_pods(workload: Workload) -> bool:
    """Whether no pods are wanted, so that a rollout has nothing to do."""
    if workload.bundle:
        return False
    # Before the controller has seen a new DaemonSet, the status does not say on how many nodes it is to run.
    is_known = workload.key.kind != DAEMON_SET.kind or workload.status.observed_generation > 0
    return is_known and _RULES[workload.key.kind].desired(workload) == 0


def is_partitioned(workload: Workload) -> bool:
    """Whether the partition of a StatefulSet keeps pods on the older template."""
    return _kept(workload) > 0


def _deployment(workload: Workload) -> bool:
    status = workload.status
    all_new = status.updated >= workload.replicas and status.replicas <= status.updated
    return all_new and status.available >= status.updated


def _stateful_set(workload: Workload) -> bool:
    status = workload.status
    all_new = status.updated >= workload.replicas and status.replicas <= status.updated
    return all_new and status.available >= workload.replicas


def _daemon_set(workload: Workload) -> bool:
    status = workload.status
    return status.updated >= status.scheduled and status.available >= status.scheduled and not status.misscheduled


def _misscheduled(workload: Workload) -> str:
    # The controller deletes these pods. Old ones may be among them: the status does not say which template they have.
    number = workload.status.misscheduled
    return f"pods on {number} nodes that should not run them are not gone yet" if number else ""


def _is_held_by_partition(workload: Workload) -> bool:
    status, kept = workload.status, _kept(workload)
    rest_is_done = status.updated >= workload.replicas - kept and status.available >= workload.replicas
    return kept > 0 and (rest_is_done or kept == workload.replicas)


def _kept(workload: Workload) -> int:
    return max(0, min(workload.partition, workload.replicas)) if workload.key.kind == STATEFUL_SET.kind else 0


def _partition_keeps(workload: Workload) -> str:
    return f"partition {workload.partition} keeps {_kept(workload)} of its {workload.replicas} pods as they were"


def _awaited_pod(workload: Workload) -> str:
    """A sentence on the pod that a StatefulSet waits for, with the command that helps if that pod is broken; or "".

    The controller replaces pods one by one from the highest ordinal down, and waits until the new pod is available: a
    broken pod blocks it for ever. Source: kubernetes.io, StatefulSet, "Forced rollback".
    """
    status, namespace = workload.status, workload.key.namespace
    missing = workload.replicas - status.available
    if missing <= 0 or workload.on_delete:
        return ""
    ordinal = None if workload.at_once else _awaited_ordinal(status, workload.replicas)
    if ordinal is None:
        return f"{missing} of {workload.replicas} pods are not available; a broken one is replaced once it is deleted"
    name = f"{workload.key.name}-{workload.first_ordinal + ordinal}"
    return f"waits for pod {name}; if it is broken: `kubectl -n {namespace} delete pod {name}`"


def _awaited_ordinal(status: RolloutStatus, replicas: int) -> int | None:
    """The position of the awaited pod, counted from the first pod, which is 0; None if the numbers do not show it.

    Pods of the previous revision (`current`) are at the beginning, those of the new one at the end. Between them are
    pods that terminate, are missing, or have a revision that was never complete.
    """
    between = replicas - status.current - status.updated
    if between < 0 or (between > 1 and status.updated):
        return None
    if between:
        return status.current
    return replicas - status.updated if status.updated else None


def _said(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _nothing(_: Workload) -> str:
    return ""


_RULES: Mapping[str, _Rules] = {
    DEPLOYMENT.kind: _Rules(lambda w: w.replicas, _deployment, _nothing),
    STATEFUL_SET.kind: _Rules(lambda w: w.replicas, _stateful_set, _awaited_pod),
    DAEMON_SET.kind: _Rules(lambda w: w.status.scheduled, _daemon_set, _misscheduled),
}
