"""How far a rollout is, by the rules of `kubectl rollout status`: a workload in, a stage out. Pure.

Source: k8s.io/kubectl, pkg/polymorphichelpers/rollout_status.go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from krt.core.workload import Workload


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods: of the new template, available ones, and how many there are to be."""

    updated: int
    available: int
    desired: int


@dataclass(frozen=True, slots=True)
class Progressing:
    """New pods are on their way, or the controller has not looked yet."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class Ready:
    """Every pod that is to be new is new, and available."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class Stuck:
    """The controller has given up waiting for progress."""

    counts: Counts
    reason: str


@dataclass(frozen=True, slots=True)
class Untracked:
    """Nothing replaces the pods by itself."""

    counts: Counts
    reason: str


Stage = Progressing | Ready | Stuck | Untracked


@dataclass(frozen=True, slots=True)
class _Rules:
    """How one kind counts its pods, and when its rollout is complete."""

    counts: Callable[[Workload], Counts]
    is_complete: Callable[[Workload], bool]


def stage_of(workload: Workload) -> Stage:
    """The stage that the workload's own status says it is in."""
    rules, status = _KINDS[workload.key.kind], workload.status
    counts = rules.counts(workload)
    if workload.paused:
        return Untracked(counts, "the rollout is paused")
    if workload.on_delete:
        return Untracked(counts, "its pods are replaced when somebody deletes them (OnDelete)")
    if status.observed_generation < workload.generation:
        return Progressing(replace(counts, updated=0))  # those counted are of the template before
    if status.deadline_exceeded is not None:
        return Stuck(counts, status.deadline_exceeded)
    return Ready(counts) if rules.is_complete(workload) else Progressing(counts)


def _deployment(workload: Workload) -> bool:
    status = workload.status
    all_new = status.updated >= workload.replicas and status.replicas <= status.updated
    return all_new and status.available >= status.updated


def _stateful_set(workload: Workload) -> bool:
    status = workload.status
    return status.ready >= workload.replicas and status.updated >= workload.replicas - workload.partition


def _daemon_set(workload: Workload) -> bool:
    status = workload.status
    return status.updated >= status.scheduled and status.available >= status.scheduled


_KINDS: Mapping[str, _Rules] = {
    "Deployment": _Rules(lambda w: Counts(w.status.updated, w.status.available, w.replicas), _deployment),
    "StatefulSet": _Rules(lambda w: Counts(w.status.updated, w.status.ready, w.replicas), _stateful_set),
    "DaemonSet": _Rules(lambda w: Counts(w.status.updated, w.status.available, w.status.scheduled), _daemon_set),
}
