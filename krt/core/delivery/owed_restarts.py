"""The restarts that a published bundle owes: the next step, from the Secret and the targets as they are now. Pure.

A run remembers nothing of the run before it. The list on the Secret names the targets that are owed a restart, and an
annotation of a target says whether the target has been restarted for this change. So a run may be killed anywhere: the
next run does the rest, and repeats nothing. The order of the steps: targets that do not exist leave the list; all
others are restarted; each leaves the list when its rollout has ended well, or is paused; the run waits for the first of
the rest, or fails with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from krt.core.delivery.bundle_restart import is_restarted, workload_of
from krt.core.delivery.pending_restarts import Pending, read_pending
from krt.core.delivery.restart_steps import (
    AwaitTarget,
    BundleSuperseded,
    NothingOwed,
    RestartStep,
    RestartTargetNow,
    TakeOffList,
    TargetFailed,
)
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.secret_bundle import BUNDLE_SHA256, Publication
from krt.core.kube.fields import text_at
from krt.core.kube.rollout import PAUSED, Progressing, Ready, Stage, Stuck, Untracked, stage_of
from krt.core.kube.workload import Workload
from krt.core.reason import readable
from krt.core.restart.progress import TAKEN_BACK

NOT_THERE = "it is not there"
BEING_DELETED = "it is being deleted"
UNREADABLE = "its fields are not those of its kind"
_SHOWN_DIGITS = 12


def owed(publication: Publication, secret: Mapping[str, object]) -> tuple[RestartTarget, ...]:
    """The named targets that are on the Secret's list, in the order in which they are named.

    The publication that `secret_bundle.with_owed` returns names all targets on the list. A target that another run adds
    meanwhile stays on the list for the next run. `secret` needs only its metadata.
    """
    try:
        pending = read_pending(secret)
    except ValueError:
        return ()
    return tuple(target for target in publication.targets if pending and target in pending.targets)


def next_step(
    publication: Publication,
    secret: Mapping[str, object] | None,
    targets: Mapping[RestartTarget, Mapping[str, object] | None],
    *,
    tried: Collection[RestartTarget],
    now: datetime,
) -> RestartStep:
    """The next step of a run whose bundle is in the cluster: `decide_write` has answered AsItIs, or Apply was sent.

    `targets` has every target of `owed` as it is now, or None if it does not exist. `tried` has the targets that this
    run has restarted: a run restarts no target twice. `now` is aware, in UTC. `secret` needs only its metadata.
    """
    if superseded := _superseded(publication, secret):
        return superseded
    assert secret is not None
    pending = read_pending(secret)
    if pending is None:
        return NothingOwed()
    seen = [_see(publication, pending, target, targets.get(target), now) for target in owed(publication, secret)]
    for judge in (_leave, _restart, _end, _wait):
        for sight in seen:
            if step := judge(sight, tried):
                return step
    return NothingOwed()


@dataclass(frozen=True, slots=True)
class _Sight:
    """A target as it is now. `stage` is that of its restart for this change; None if there was no such restart."""

    target: RestartTarget
    change: str
    is_there: bool
    workload: Workload | None  # None also if the body does not have the fields of its kind
    stage: Stage | None


def _see(
    publication: Publication, pending: Pending, target: RestartTarget, body: Mapping[str, object] | None, now: datetime
) -> _Sight:
    workload = workload_of(target, body)
    is_made = workload is not None and is_restarted(publication, pending.change, body, workload, now)
    stage = stage_of(workload) if workload and is_made else None
    return _Sight(target, pending.change, body is not None, workload, stage)


def _leave(sight: _Sight, _: Collection[RestartTarget]) -> RestartStep | None:
    """A target that does not exist, or is being deleted, leaves the list: a Secret may exist before its workload."""
    if not sight.is_there:
        return TakeOffList(sight.target, is_restarted=False, warning=NOT_THERE)
    if sight.workload and sight.workload.deleted_at:
        return TakeOffList(sight.target, is_restarted=False, warning=BEING_DELETED)
    return None


def _restart(sight: _Sight, tried: Collection[RestartTarget]) -> RestartStep | None:
    """A target is restarted if it was not restarted for this change, or if an earlier run's restart is stuck."""
    if sight.workload is None:
        return TargetFailed(sight.target, UNREADABLE)
    if sight.target in tried or (sight.stage is not None and not isinstance(sight.stage, Stuck)):
        return None
    return RestartTargetNow(sight.target, sight.change)


def _end(sight: _Sight, _: Collection[RestartTarget]) -> RestartStep | None:
    match sight.stage:
        case Ready():
            return TakeOffList(sight.target, is_restarted=True)
        case Progressing() if sight.workload and sight.workload.paused:
            return TakeOffList(sight.target, is_restarted=True, warning=PAUSED)
    return None


def _wait(sight: _Sight, _: Collection[RestartTarget]) -> RestartStep | None:
    match sight.stage:
        case Progressing(counts, reason):
            pods = f"{counts.updated} of {counts.desired} pods updated, {counts.available} available"
            return AwaitTarget(sight.target, readable(pods, reason))
        case Stuck(_, reason):
            return TargetFailed(sight.target, readable(reason))
        case Untracked(_, reason):
            return TargetFailed(sight.target, readable(f"{reason}: {_remedy(sight)}, then run the same command again"))
    return TargetFailed(sight.target, TAKEN_BACK)


def _remedy(sight: _Sight) -> str:
    is_on_delete = sight.workload is not None and sight.workload.on_delete
    return "delete its old pods" if is_on_delete else "lower the partition"


def _superseded(publication: Publication, secret: Mapping[str, object] | None) -> BundleSuperseded | None:
    if secret is None:
        return BundleSuperseded(f"{publication} was deleted meanwhile")
    found = text_at(secret, "metadata", "annotations", BUNDLE_SHA256)
    try:
        pending = read_pending(secret)
    except ValueError:
        return BundleSuperseded(f"somebody has changed the annotations of {publication}")
    if found == publication.bundle.sha256 and (pending is None or pending.digest == publication.bundle.digest):
        return None
    return BundleSuperseded(f"superseded by bundle {readable(found)[:_SHOWN_DIGITS] or 'without a digest'}...")
