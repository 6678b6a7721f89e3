"""Whether an event concerns a workload, whether the workload is to be restarted, and why not. Pure.

The worker and `krt explain` use the same functions, so that the explanation cannot differ from the behaviour.
"""

from dataclasses import dataclass
from enum import StrEnum

from krt.core.announce.event import Event
from krt.core.announce.image import ImageReference
from krt.core.kube import rollout
from krt.core.kube.workload import Container, Workload


class SkipReason(StrEnum):
    """Why a workload that runs an image of the event's repository is not restarted."""

    OTHER_TAG = "runs another tag"
    BEING_DELETED = "it is being deleted"
    NAMESPACE_BEING_DELETED = "its namespace is being deleted"
    PINNED = "pinned by digest"
    OPTED_OUT = "opted out by krt/restart"
    NAMESPACE_OPTED_OUT = "its namespace is opted out by krt/restart"
    NOT_OPTED_IN = "krt/restart is not enabled"
    FOREIGN = "its provisioner class belongs to another controller"


GOING = frozenset({SkipReason.BEING_DELETED, SkipReason.NAMESPACE_BEING_DELETED})


class Warning(StrEnum):  # noqa: A001 - kubectl's word, too; the builtin is not used here
    """Why a restart may fail to bring the new image, and how its rollout then ends (docs/correctness.md, T3)."""

    PULL_POLICY = "imagePullPolicy is not Always: a node that has the tag keeps the old image"
    PAUSED = (
        "its rollout is paused: it is waited for until KRT_ROLLOUT_DEADLINE and ends as failed then, "
        "unless somebody resumes it"
    )
    ON_DELETE = f"its rollout ends as failed: {rollout.ON_DELETE}"
    PARTITION = "its rollout ends as failed: its partition keeps pods as they are"
    NO_REPLICAS = rollout.NO_PODS


FAILING = frozenset({Warning.PAUSED, Warning.ON_DELETE, Warning.PARTITION})  # unless somebody acts, the rollout fails


@dataclass(frozen=True, slots=True)
class Match:
    """`workload` is to be restarted."""

    workload: Workload
    warnings: tuple[Warning, ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """`workload` runs an image of the event's repository, but is not to be restarted."""

    workload: Workload
    reason: SkipReason


Verdict = Match | Skip


def judge(event: Event, workload: Workload, *, require_opt_in: bool) -> Verdict | None:
    """The verdict on one workload; None if it runs no image of the event's repository."""
    running = [(c, c.reference) for c in workload.containers if c.reference]
    same = [(c, reference) for c, reference in running if reference.repository == event.repository]
    if not same:
        return None
    hit = [container for container, reference in same if _names(event, reference)]
    if not hit:
        return Skip(workload, _why_not(event, [reference for _, reference in same]))
    foreign = SkipReason.FOREIGN if workload.is_foreign else None
    reason = going(workload) or foreign or _opted_out(workload, require_opt_in=require_opt_in)
    return Skip(workload, reason) if reason else Match(workload, _warnings(workload, hit))


def going(workload: Workload) -> SkipReason | None:
    """The reason in GOING, if the deletion of the workload or of its Namespace has begun; otherwise None."""
    if workload.deleted_at:
        return SkipReason.BEING_DELETED
    return SkipReason.NAMESPACE_BEING_DELETED if workload.namespace_deleted_at else None


def _opted_out(workload: Workload, *, require_opt_in: bool) -> SkipReason | None:
    """The reason if krt/restart forbids the restart. `disabled` on workload or Namespace wins.

    `enabled` on the Namespace is the default of its workloads.
    """
    if workload.opt == "disabled":
        return SkipReason.OPTED_OUT
    if workload.namespace_opt == "disabled":
        return SkipReason.NAMESPACE_OPTED_OUT
    says = workload.namespace_opt if workload.opt is None else workload.opt
    return SkipReason.NOT_OPTED_IN if require_opt_in and says != "enabled" else None


def _names(event: Event, reference: ImageReference) -> bool:
    return reference.digest is None and reference.tag in event.tags


def _why_not(event: Event, references: list[ImageReference]) -> SkipReason:
    # A reference with a digest and no tag cannot run "another tag": its pin is the reason.
    pinned = any(r.digest and (r.tag is None or r.tag in event.tags) for r in references)
    return SkipReason.PINNED if pinned else SkipReason.OTHER_TAG


def _warnings(workload: Workload, hit: list[Container]) -> tuple[Warning, ...]:
    is_empty = rollout.has_no_pods(workload)  # then no old pod can remain, so pause and OnDelete make no difference
    found = (
        (Warning.PULL_POLICY, any(container.pull_policy != "Always" for container in hit)),
        (Warning.PAUSED, workload.paused and not is_empty),
        (Warning.ON_DELETE, workload.on_delete and not is_empty),
        (Warning.PARTITION, rollout.is_partitioned(workload)),
        (Warning.NO_REPLICAS, is_empty),
    )
    return tuple(warning for warning, holds in found if holds)
