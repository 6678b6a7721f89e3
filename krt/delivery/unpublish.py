"""Deletes a published Secret: the one function behind `krt destroy` and `krt unpublish`. It restarts nothing."""

import trio

from krt.cluster import objects
from krt.cluster.object_errors import PreconditionFailed
from krt.cluster.objects import Body
from krt.core.delivery.secret_bundle import BUNDLE_SHA256
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import text_at
from krt.core.kube.kstatus import status_of
from krt.core.report.action import Action, ObjectChange
from krt.core.report.report import EventState
from krt.core.report.target import Target, TargetState
from krt.delivery.errors import DeliveryFailed, DeliveryRefused
from krt.delivery.plan import planned
from krt.delivery.publishing import Publishing
from krt.delivery.waiting import Awaited, until_gone
from krt.errors import NotThere

ALREADY_GONE = "it was not there"
_GOING = "it goes once its finalizers have run"


async def unpublish(run: Publishing, *, is_dry_run: bool = False) -> None:
    """Delete the Secret, and wait until it is gone; the namespace stays. If there is no such Secret, all is well.

    Raises DeliveryRefused if the Secret was not published, and DeliveryFailed, also if a finalizer holds it too long.
    """
    with run.reported(EventState.DONE if is_dry_run else EventState.READY):
        await _unpublish(run, is_dry_run=is_dry_run)


async def _unpublish(run: Publishing, *, is_dry_run: bool) -> None:
    live = await run.read_secret()
    if live is None:
        target = Target(TargetState.READY, reason=ALREADY_GONE)
        run.tell(run.key, Action.DELETE, target, ObjectChange.UNCHANGED)
        return
    if not text_at(live, "metadata", "annotations", BUNDLE_SHA256):
        why = f"it has no annotation {BUNDLE_SHA256}"
        raise DeliveryRefused(f"{run.publication} was not published by krt, for {why}: delete it with kubectl")
    is_gone = await _delete(run, live, is_dry_run=is_dry_run)
    if is_dry_run:
        run.tell(run.key, Action.DELETE, planned("" if is_gone else _GOING), ObjectChange.DELETED)
        return
    if not is_gone:
        await _wait_until_gone(run, live)
    run.tell(run.key, Action.DELETE, Target(TargetState.READY), ObjectChange.DELETED)


async def _wait_until_gone(run: Publishing, live: Body) -> None:
    progress = run.progress
    going = {**live, "metadata": {**live["metadata"], "deletionTimestamp": "now"}}
    progress.say(run.key, Action.DELETE, TargetState.PROGRESSING, status_of(going).reason)
    with trio.move_on_after(run.timeout_seconds) as deadline:
        await until_gone(run.transport, progress, [Awaited(run.key, SECRET, live)], run.note)
    if deadline.cancelled_caught:
        progress.fail_unsettled(f"not gone within {run.timeout_seconds:g} s")
    if progress.has_failed():
        raise DeliveryFailed(f"{run.publication}: {progress.reason_of(run.key, Action.DELETE)}")


async def _delete(run: Publishing, live: Body, *, is_dry_run: bool) -> bool:
    async def call() -> bool:
        uid = text_at(live, "metadata", "uid")
        return await objects.delete(run.transport, SECRET, run.key, uid=uid, dry_run=is_dry_run)

    try:
        return await (run.ask if is_dry_run else run.write)(f"deleting {run.key}", call)
    except NotThere:
        return True
    except PreconditionFailed as error:
        raise DeliveryFailed(f"{run.publication} was made anew while krt deleted it: try again") from error
