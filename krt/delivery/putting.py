"""Puts one object on the cluster by server-side apply, as a dry-run or in earnest.

The apply is not forced at first. If another manager owns a field that it would change, the API server refuses it: the
owner's label is such a field. So an object of another owner is never written, and the object need not be read before.
Only after a conflict krt reads the object, looks at the label, and forces the apply at that version.
"""

from collections.abc import Callable
from typing import Any

from krt.cluster import objects
from krt.cluster.object_errors import FieldConflict
from krt.cluster.objects import Applied, Body
from krt.core.delivery.ownership import conflict_of
from krt.core.delivery.takeover import take_over
from krt.core.kube.fields import text_at
from krt.core.kube.resource import Resource
from krt.delivery.run import Run
from krt.delivery.step import Step
from krt.errors import ClusterRefused, Conflict

_MOST_TRIES = 5  # of a forced apply, if the object changes all the time


class OwnedByAnother(ClusterRefused):
    """Another owner that still exists has the object. The message is a clause that names the owner."""


async def put(run: Run, step: Step, is_living: Callable[[str], bool], *, dry_run: bool) -> Applied:
    """The object after the apply. Raises the errors of `objects.apply`, and OwnedByAnother."""
    resource = await run.discovery.find(step.key.group, step.key.kind, step.manifest.version)
    if step.takes_over and not dry_run:
        return await _forced(run, step, resource, is_living)
    try:
        return await _apply(run, step, resource, step.manifest.body, dry_run=dry_run)
    except FieldConflict as conflict:
        return await _despite(conflict, run, step, resource, is_living, dry_run=dry_run)


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
    if not (step.may_force or step.own_uid == text_at(live, "metadata", "uid")):
        raise conflict
    step.takes_over = True
    if dry_run:
        return await _apply(run, step, resource, step.manifest.body, dry_run=True, force=True)
    return await _forced(run, step, resource, is_living)


async def _forced(run: Run, step: Step, resource: Resource, is_living: Callable[[str], bool]) -> Applied:
    for tries in range(1, _MOST_TRIES + 1):
        live = await _live(run, step, resource, is_living)
        try:
            taken = await _without_kubectl(run, step, resource, live)
            body = _at_version(step.manifest.body, live, taken)
            return await _apply(run, step, resource, body, dry_run=False, force=True)
        except Conflict:
            if tries == _MOST_TRIES or text_at(step.manifest.body, "metadata", "resourceVersion"):
                raise
    raise AssertionError("the last try returns or raises")


async def _live(run: Run, step: Step, resource: Resource, is_living: Callable[[str], bool]) -> Body:
    live = await objects.read(run.transport, resource, step.key)
    if reason := conflict_of(live, run.owner, is_living):
        raise OwnedByAnother(reason)
    return live


async def _without_kubectl(run: Run, step: Step, resource: Resource, live: Body) -> Body:
    """The object, after kubectl's entries in its managedFields have become krt's."""
    if (patch := take_over(live, run.owner)) is None:
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
