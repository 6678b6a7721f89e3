"""The dry-run of publishing: what would change, as the API server itself judges it. No value of the Secret is shown."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from krt.cluster import objects
from krt.cluster.objects import Body
from krt.core.delivery.owed_restarts import BEING_DELETED, NOT_THERE, owed
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.secret_bundle import BUNDLE_SHA256, Apply, AsItIs, with_owed
from krt.core.delivery.takeover import take_over
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import field_at, items_at, text_at, texts_at
from krt.core.kube.manifest import Manifest
from krt.core.kube.resource import NAMESPACE
from krt.core.kube.restartable import RESTARTABLE
from krt.core.reason import readable
from krt.core.report.action import Action, ObjectChange
from krt.core.report.report import EventState
from krt.core.report.target import Target, TargetState
from krt.delivery.errors import DeliveryFailed
from krt.delivery.publishing import Publishing
from krt.delivery.secret_write import decide, namespace_missing
from krt.errors import Conflict, NotThere

_SHOWN_DIGITS = 12
_NEW_NAMESPACE = "the API server cannot judge it before the namespace exists"


async def plan(run: Publishing) -> None:
    """Tell what `publish` would do now. Nothing is written. Raises DeliveryRefused, and DeliveryFailed."""
    with run.reported(EventState.DONE):
        for target in await _plan_secret(run):
            await _plan_restart(run, target)


def planned(reason: str = "") -> Target:
    """The target of a dry-run."""
    return Target(TargetState.PLANNED, reason)


async def _plan_secret(run: Publishing) -> Iterable[RestartTarget]:
    """The targets that would be restarted."""
    live = await run.read_secret()
    run.publication = with_owed(run.publication, live)
    match decide(run, live):
        case AsItIs():
            run.tell(run.key, Action.APPLY, planned(), ObjectChange.UNCHANGED)
            return owed(run.publication, live or {})
        case Apply(manifest):
            reason = await _judged(run, manifest) or "; ".join(_changes(run, live))
            change = ObjectChange.CREATED if live is None else ObjectChange.CONFIGURED
            run.tell(run.key, Action.APPLY, planned(reason), change)
            return run.publication.targets
        case other:
            assert_never(other)


async def _judged(run: Publishing, manifest: Manifest) -> str:
    """Let the API server judge the Secret. Returns why it could not, or "". Raises DeliveryFailed if it refuses."""

    async def call() -> Body:
        body = dict(manifest.body)
        applied = await objects.apply(
            run.transport, SECRET, run.key, body, manager=run.manager, force=True, dry_run=True
        )
        return applied.body

    try:
        await run.ask(f"applying {run.key}", call)
    except NotThere as error:
        if not run.ensure_namespace:
            raise namespace_missing(run) from error
        run.tell(NAMESPACE.key("", run.key.namespace), Action.APPLY, planned(), ObjectChange.CREATED)
        return _NEW_NAMESPACE
    except Conflict as error:
        raise DeliveryFailed(f"{run.publication} was changed meanwhile: try again") from error
    return ""


def _changes(run: Publishing, live: Body | None) -> Iterator[str]:
    """The changes of the Secret, a clause each: keys, sizes and the file's digest, but no values."""
    bundle = run.publication.bundle
    was = text_at(live, "metadata", "annotations", BUNDLE_SHA256)
    before = f", instead of {readable(was)[:_SHOWN_DIGITS]}..." if was and was != bundle.sha256 else ""
    yield f"key {bundle.key}: {len(bundle.content)} bytes, SHA-256 {bundle.sha256[:_SHOWN_DIGITS]}...{before}"
    for key in _removed(run, live):
        yield f"key {readable(key)} is removed"


def _removed(run: Publishing, live: Body | None) -> Iterator[str]:
    """The keys that the apply would remove: those that krt or kubectl owns and the bundle does not have."""
    if live is None:
        return
    taken = take_over(live, run.publication.owner) or {}
    entries = items_at(taken, "metadata", "managedFields") or items_at(live, "metadata", "managedFields")
    for entry in entries:
        if text_at(entry, "manager") == run.manager and text_at(entry, "operation") == "Apply":
            owned = field_at(entry, "fieldsV1", "f:data")
            names = {str(name).removeprefix("f:") for name in owned} if isinstance(owned, dict) else set()
            yield from sorted(names & set(texts_at(live, "data")) - {run.publication.bundle.key})


async def _plan_restart(run: Publishing, target: RestartTarget) -> None:
    key = target.key(run.publication.namespace)

    async def call() -> Body:
        return await objects.read(run.transport, RESTARTABLE[target.kind], key)

    try:
        body = await run.ask(f"reading {key}", call)
    except NotThere:
        outcome = Target(TargetState.SKIPPED, reason=NOT_THERE)
    else:
        is_going = bool(text_at(body, "metadata", "deletionTimestamp"))
        outcome = Target(TargetState.SKIPPED, reason=BEING_DELETED) if is_going else planned()
    run.tell(key, Action.RESTART, outcome)
