"""The restarts that a published bundle owes: the next step, from the Secret and the targets as they are now. Pure.

Nothing is remembered from one run to the next: the list on the Secret says what is owed, and an annotation of the
target whether it has been restarted for this very change. So whatever kills a run, the next one does what is left and
repeats nothing. In order: what is not there leaves the list; every target that is owed a restart gets it; each leaves
the list as its rollout ends well; for the first of the others the run waits, or fails.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import msgspec

from krt.core.delivery.restart_steps import (
    AwaitTarget,
    BundleSuperseded,
    NothingOwed,
    RestartTargetNow,
    Step,
    TakeOffList,
    TargetFailed,
)
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.secret_bundle import BUNDLE_SHA256, Pending, Publication, read_pending
from krt.core.kube.fields import text_at
from krt.core.kube.restartable import RESTARTABLE
from krt.core.kube.rollout import PAUSED, Progressing, Ready, Stage, Stuck, Untracked, stage_of
from krt.core.kube.workload import CAUSE, RESTARTED_AT, Workload
from krt.core.kube.workload_fields import WorkloadFields, to_workload
from krt.core.reason import readable
from krt.core.restart.mark import is_in_force, next_restart
from krt.core.restart.progress import TAKEN_BACK

NOT_THERE = "it is not there"
BEING_DELETED = "it is being deleted"
UNREADABLE = "its fields are not those of its kind"
_SHOWN_DIGITS = 12


def owed(publication: Publication, secret: Mapping[str, object]) -> tuple[RestartTarget, ...]:
    """The named targets that are on the Secret's list, in the order in which they are named; the others stay as they
    are (H16), and on the list. Of the Secret its metadata are enough."""
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
) -> Step:
    """The next step of a run whose bundle stands in the cluster (`decide_write` has said so, or its write was done).

    `targets` are those that are owed, as they are now; None: not there. `tried` are those that this very run has
    restarted: it does not restart one twice. `now` is aware, in UTC.
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


def restart_patch(
    publication: Publication, step: RestartTargetNow, body: Mapping[str, object], *, cause: str, now: datetime
) -> dict[str, object]:
    """The merge patch that does the step to the target with this body; one that is newer than it was read refuses it.

    The annotation that names the change comes with the restart in one write: no reader sees the one without the other.
    `cause` tells people why.
    """
    workload = _workload_of(step.target, body)
    assert workload is not None
    restarted_at = next_restart(workload, now)
    annotations = {bundle_annotation(publication.secret): f"{step.change} {restarted_at}", CAUSE: cause}
    return {
        "metadata": {"resourceVersion": workload.resource_version, "annotations": annotations},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}},
    }


def bundle_annotation(secret: str) -> str:
    """The annotation on a target that says for which change of this Secret it was restarted, and when."""
    return f"krt/bundle-{sha256(secret.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class _Sight:
    """A target as it is now. `stage` is that of its restart for this change; None: it has not been restarted for it."""

    target: RestartTarget
    change: str
    is_there: bool
    workload: Workload | None  # also None where the fields are not those of its kind
    stage: Stage | None


def _see(
    publication: Publication, pending: Pending, target: RestartTarget, body: Mapping[str, object] | None, now: datetime
) -> _Sight:
    workload = _workload_of(target, body)
    change, _, made_at = text_at(body, "metadata", "annotations", bundle_annotation(publication.secret)).partition(" ")
    is_made = workload is not None and change == pending.change and is_in_force(made_at, workload, now)
    stage = stage_of(workload) if workload and is_made else None
    return _Sight(target, pending.change, body is not None, workload, stage)


def _leave(sight: _Sight, _: Collection[RestartTarget]) -> Step | None:
    """What is not there, or will not be (H17): so a Secret can be published before its workload."""
    if not sight.is_there:
        return TakeOffList(sight.target, is_restarted=False, warning=NOT_THERE)
    if sight.workload and sight.workload.deleted_at:
        return TakeOffList(sight.target, is_restarted=False, warning=BEING_DELETED)
    return None


def _restart(sight: _Sight, tried: Collection[RestartTarget]) -> Step | None:
    """What was not restarted for this change, and what an earlier run restarted and is stuck since."""
    if sight.workload is None:
        return TargetFailed(sight.target, UNREADABLE)
    if sight.target in tried or (sight.stage is not None and not isinstance(sight.stage, Stuck)):
        return None
    return RestartTargetNow(sight.target, sight.change)


def _end(sight: _Sight, _: Collection[RestartTarget]) -> Step | None:
    match sight.stage:
        case Ready():
            return TakeOffList(sight.target, is_restarted=True)
        case Progressing() if sight.workload and sight.workload.paused:
            return TakeOffList(sight.target, is_restarted=True, warning=PAUSED)
    return None


def _wait(sight: _Sight, _: Collection[RestartTarget]) -> Step | None:
    match sight.stage:
        case Progressing(counts, reason):
            pods = f"{counts.updated} of {counts.desired} pods updated, {counts.available} available"
            return AwaitTarget(sight.target, readable(pods, reason))
        case Stuck(_, reason) | Untracked(_, reason):
            return TargetFailed(sight.target, readable(reason))
    return TargetFailed(sight.target, TAKEN_BACK)


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
    return BundleSuperseded(f"superseded by bundle {readable(found)[:_SHOWN_DIGITS] or 'without a digest'}…")


def _workload_of(target: RestartTarget, body: Mapping[str, object] | None) -> Workload | None:
    try:
        return to_workload(RESTARTABLE[target.kind], msgspec.convert(body, WorkloadFields))
    except (msgspec.ValidationError, RecursionError):
        return None
