"""Puts one object on the cluster by server-side apply, as a dry-run or in earnest.

The apply is not forced at first. If another manager owns a field that it would change, the API server refuses it: the
owner's label is such a field. So an object of another owner is never written, and the object need not be read before.
Only after a conflict krt reads the object, looks at the label, and forces the apply at that version.
"""

from collections.abc import Callable
from typing import Any

from krt.cluster import objects
from krt.cluster.object_errors import FieldConflict, ObjectInvalid
from krt.cluster.objects import Applied, Body
from krt.core.delivery.object_wishes import ONE_OFF, is_one_off
from krt.core.delivery.ownership import conflict_of
from krt.core.delivery.replicas import SCALABLE, give_up, has_replicas, without_claim
from krt.core.delivery.takeover import take_over
from krt.core.kube.fields import text_at
from krt.core.kube.resource import Resource
from krt.delivery.run import Run
from krt.delivery.step import Step
from krt.errors import ClusterRefused, Conflict, NotThere

_MOST_TRIES = 5  # of a forced apply, if the object changes all the time


class OwnedByAnother(ClusterRefused):
    """Another owner that still exists has the object. The message is a clause that names the owner."""


class LeftAsItIs(ClusterRefused):
    """The object is not applied, and that is right. The message is a clause that says why."""


class JobRemoved(LeftAsItIs):
    """The Job was complete in an earlier delivery and has been removed (ttlSecondsAfterFinished): it is not run."""


async def put(run: Run, step: Step, is_living: Callable[[str], bool], *, dry_run: bool) -> Applied:
    """The object after the apply. Raises the errors of `objects.apply`, OwnedByAnother and LeftAsItIs."""
    resource = await run.discovery.find(step.key.group, step.key.kind, step.manifest.version)
    if is_one_off(step.manifest.body) and await _exists(run, step, resource):
        raise LeftAsItIs(f"it is there, and its annotation says {ONE_OFF}: enabled")
    if step.takes_over and not dry_run:
        return await _forced(run, step, resource, is_living)
    if step.gives_up_replicas and not step.is_unchanged and not dry_run:
        await _give_up_replicas(run, step, resource)
    try:
        return await _apply(run, step, resource, step.body, dry_run=dry_run)
    except FieldConflict as conflict:
        return await _despite(conflict, run, step, resource, is_living, dry_run=dry_run)
    except (Conflict, ObjectInvalid):  # so the API server answers if the uid of a complete Job is that of no Job now
        if not step.ended_before or await _is_same(run, step, resource):
            raise
        step.forget_end()
        return await put(run, step, is_living, dry_run=dry_run)


async def _exists(run: Run, step: Step, resource: Resource) -> bool:
    try:
        await objects.read(run.transport, resource, step.key)
    except NotThere:
        return False
    return True


async def _is_same(run: Run, step: Step, resource: Resource) -> bool:
    """Whether the complete Job is still there, or somebody has made another one. Raises JobRemoved if there is none."""
    try:
        live = await objects.read(run.transport, resource, step.key)
    except NotThere as error:
        raise JobRemoved("it was complete, and is not run again") from error
    return step.known is not None and text_at(live, "metadata", "uid") == step.known.uid


async def _despite(
    conflict: FieldConflict,
    run: Run,
    step: Step,
    resource: Resource,
    is_living: Callable[[str], bool],
    *,
    dry_run: bool,
) -> Applied:
    live = await _live(run, step, resource, is_living)
    if step.leave_replicas(live):
        return await put(run, step, is_living, dry_run=dry_run)
    if not (step.may_force or step.own_uid == text_at(live, "metadata", "uid")):
        raise conflict
    step.takes_over = True
    if dry_run:
        return await _apply(run, step, resource, step.body, dry_run=True, force=True)
    return await _forced(run, step, resource, is_living)


async def _forced(run: Run, step: Step, resource: Resource, is_living: Callable[[str], bool]) -> Applied:
    for tries in range(1, _MOST_TRIES + 1):
        live = await _live(run, step, resource, is_living)
        step.leave_replicas(live)
        try:
            taken = await _without_kubectl(run, step, resource, live)
            body = _at_version(step.body, live, taken)
            return await _apply(run, step, resource, body, dry_run=False, force=True)
        except Conflict:
            if tries == _MOST_TRIES or text_at(step.manifest.body, "metadata", "resourceVersion"):
                raise
    raise AssertionError("the last try returns or raises")


async def _give_up_replicas(run: Run, step: Step, resource: Resource) -> None:
    """Give the number of replicas up, so that the apply without it keeps the live one."""
    for tries in range(1, _MOST_TRIES + 1):
        try:
            live = await objects.read(run.transport, resource, step.key)
            if patch := give_up(live, run.owner):
                await objects.merge(run.transport, resource, step.key, patch, manager=run.owner.field_manager)
        except NotThere:
            return
        except Conflict:
            if tries == _MOST_TRIES:
                raise
        else:
            return


async def _live(run: Run, step: Step, resource: Resource, is_living: Callable[[str], bool]) -> Body:
    live = await objects.read(run.transport, resource, step.key)
    if reason := conflict_of(live, run.owner, is_living):
        raise OwnedByAnother(reason)
    return live


async def _without_kubectl(run: Run, step: Step, resource: Resource, live: Body) -> Body:
    """The object, after kubectl's entries in its managedFields have become krt's."""
    patch = take_over(live, run.owner)
    if step.key.kind in SCALABLE and not has_replicas(step.manifest.body):
        patch = without_claim(live, patch, run.owner)
    if patch is None:
        return live
    return await objects.merge(run.transport, resource, step.key, patch, manager=run.owner.field_manager)


def _at_version(body: Any, live: Body, taken: Body) -> Body:
    """The body, guarded by the version that krt has seen. If the manifest has another resourceVersion, that stays."""
    metadata = body["metadata"]
    own = text_at(metadata, "resourceVersion")
    if own and own != text_at(live, "metadata", "resourceVersion"):
        return dict(body)
    return {**body, "metadata": {**metadata, "resourceVersion": text_at(taken, "metadata", "resourceVersion")}}


async def _apply(run: Run, step: Step, resource: Resource, body: Any, *, dry_run: bool, force: bool = False) -> Applied:
    manager = run.owner.field_manager
    return await objects.apply(run.transport, resource, step.key, body, manager=manager, force=force, dry_run=dry_run)
