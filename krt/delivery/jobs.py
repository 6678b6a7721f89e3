"""A Job of another version makes way for the new one, and so does any object whose manifest asks for it.

The pod template of a Job cannot be changed. So krt deletes the Job of the version before, by its uid, once it has
ended, and then creates the new one. That a complete Job is not run again is `putting.JobRemoved`.
"""

from krt.cluster import objects
from krt.cluster.object_errors import ObjectInvalid, PreconditionFailed
from krt.core.delivery.object_wishes import is_recreated
from krt.core.delivery.ownership import is_owned
from krt.core.kube.fields import text_at
from krt.core.report.action import Action
from krt.delivery.run import Run
from krt.delivery.step import Step
from krt.delivery.waiting import Awaited, until_ended, until_gone
from krt.errors import ClusterDenied, ClusterError, NotThere

_IMMUTABLE = "field is immutable"


async def must_make_way(run: Run, step: Step, error: ClusterError) -> bool:
    """Whether the apply is refused because the owner's object of another version is there. Notes the object's uid."""
    if (
        not (step.is_job or is_recreated(step.manifest.body))
        or not isinstance(error, ObjectInvalid)
        or not error.fields
    ):
        return False
    if not all(_IMMUTABLE in each.problem for each in error.fields):  # the new object would be refused, too
        return False
    resource = await run.discovery.find(step.key.group, step.key.kind, step.manifest.version)
    live = await objects.read(run.transport, resource, step.key)
    step.replaces = text_at(live, "metadata", "uid") if is_owned(live, run.owner) else ""
    return bool(step.replaces)


async def make_way(run: Run, step: Step) -> None:
    """Delete the object of the version before, a Job once it has ended. An object of another uid stays.

    Raises ClusterError, also if krt cannot see whether the object has ended or is gone.
    """
    resource = await run.discovery.find(step.key.group, step.key.kind, step.manifest.version)
    try:
        live = await objects.read(run.transport, resource, step.key)
        if text_at(live, "metadata", "uid") != step.replaces:
            return
        awaited = [Awaited(step.key, resource, live)]
        if step.is_job and not await until_ended(run, awaited):
            raise ClusterDenied(run.progress.reason_of(step.key, Action.APPLY))
        is_gone = await objects.delete(run.transport, resource, step.key, uid=step.replaces)
    except (NotThere, PreconditionFailed):
        return
    if is_gone:
        return
    await until_gone(run.transport, run.progress, awaited, run.progress.tell)
    if not run.progress.is_ready(step.key, Action.DELETE):
        raise ClusterDenied(run.progress.reason_of(step.key, Action.DELETE))
