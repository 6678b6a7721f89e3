"""How far a rollout is, by the workload's own status: a workload in, a stage out. Pure.

Source: k8s.io/kubectl, pkg/polymorphichelpers/rollout_status.go. krt is stricter where an old pod would hide behind
kubectl's "successfully rolled out": below a StatefulSet's partition, in minReadySeconds, on nodes that a DaemonSet has
left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from krt.core.kube.restartable import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from krt.core.kube.workload import RolloutStatus, Workload

PAUSED = "the rollout is paused: it goes on after `kubectl rollout resume`"
ON_DELETE = "its pods are replaced when somebody deletes them (OnDelete)"
NO_PODS = "zero replicas"


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods: of the new template, available ones, and how many there are to be."""

    updated: int
    available: int
    desired: int


@dataclass(frozen=True, slots=True)
class Progressing:
    """New pods are on their way, or the controller has not looked yet. `reason`: what they wait for, if that shows."""

    counts: Counts
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Every pod is new, and available."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class Stuck:
    """The controller has given up waiting for progress."""

    counts: Counts
    reason: str


@dataclass(frozen=True, slots=True)
class Untracked:
    """The controller has done what it will do by itself, and old pods are left."""

    counts: Counts
    reason: str


Stage = Progressing | Ready | Stuck | Untracked


@dataclass(frozen=True, slots=True)
class _Rules:
    """How one kind counts its pods, when its rollout is complete, and what it waits for before that."""

    desired: Callable[[Workload], int]
    is_complete: Callable[[Workload], bool]
    awaited: Callable[[Workload], str]


def stage_of(workload: Workload) -> Stage:
    """The stage that the workload's own status says it is in."""
    rules, status = _RULES[workload.key.kind], workload.status
    counts = Counts(status.updated, status.available, rules.desired(workload))
    reason = _said(PAUSED if workload.paused else "", *status.problems, rules.awaited(workload))
    if status.observed_generation < workload.generation:
        # The counts are of the template before. A Deployment whose ReplicaSet is refused stays so, and says why.
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
    """Whether there are to be none, so that a rollout has nothing to do."""
    # How many nodes a new DaemonSet is for, nobody knows before its controller has looked at it.
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
    # The controller deletes old pods there, too; which of those that run there are old, the status does not say.
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
    """Which pod a StatefulSet waits for, and what to do about one that is broken.

    The controller replaces one after another, from the last one downwards, and goes on when that one is available:
    a broken pod holds it up for ever. Source: kubernetes.io, StatefulSet, "Forced rollback".
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
    """Counted from the first pod; None where the numbers do not tell.

    Pods of the new revision are at the end, those of the current one (as it was before) at the beginning; one that
    is terminating, missing, or of a revision that has never been complete is between them.
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
