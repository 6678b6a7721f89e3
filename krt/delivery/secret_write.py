"""Puts the bytes into the Secret: takes it over, applies it by force, creates its namespace if that is missing."""

from dataclasses import replace

from krt.cluster import objects
from krt.cluster.objects import Applied, Body
from krt.core.delivery.secret_bundle import Apply, AsItIs, Refuse, decide_write
from krt.core.delivery.takeover import take_over
from krt.core.kube.builtin import SECRET
from krt.core.kube.manifest import Manifest
from krt.core.kube.resource import NAMESPACE
from krt.core.report.action import Action, ObjectChange
from krt.core.report.target import Target, TargetState
from krt.delivery.errors import DeliveryFailed, DeliveryRefused
from krt.delivery.publishing import MOST_CONFLICTS, Publishing
from krt.errors import Conflict, NotThere

READY = Target(TargetState.READY)


def decide(run: Publishing, live: Body | None) -> Apply | AsItIs:
    """The decision about the Secret as it was just read. Raises DeliveryRefused."""
    decision = decide_write(run.publication, live, change=run.change)
    if isinstance(decision, Refuse):
        raise DeliveryRefused(decision.reason)
    return decision


async def write_secret(run: Publishing, live: Body | None) -> Body:
    """The Secret, once it holds the bundle; `live` is the Secret as it was just read.

    Raises DeliveryRefused, and DeliveryFailed.
    """
    for _ in range(MOST_CONFLICTS):
        decision = decide(run, live)
        if isinstance(decision, AsItIs):
            assert live is not None
            run.tell(run.key, Action.APPLY, READY, ObjectChange.UNCHANGED)
            return live
        try:
            return await _write(run, decision.manifest, live)
        except (Conflict, NotThere):  # NotThere: the Secret, or the namespace once more, was deleted meanwhile
            live = await run.read_secret()
    raise DeliveryFailed(f"{run.publication} was changed by others {MOST_CONFLICTS} times in a row while krt wrote it")


def namespace_missing(run: Publishing) -> DeliveryRefused | DeliveryFailed:
    """The error for a namespace that does not exist and that krt is not to create."""
    sentence = f"the namespace {run.key.namespace} does not exist: create it, or {run.ensuring}"
    return DeliveryFailed(sentence) if run.has_written else DeliveryRefused(sentence)


async def _write(run: Publishing, manifest: Manifest, live: Body | None) -> Body:
    """Raises Conflict if the Secret has changed since it was read."""
    if live is not None and (patch := take_over(live, run.publication.owner)):
        taken = await run.write(
            f"taking over {run.key}",
            lambda: objects.merge(run.transport, SECRET, run.key, patch, manager=run.manager),
        )
        manifest = _at_version_of(taken, manifest)
    try:
        applied = await _apply(run, manifest)
    except NotThere as error:
        if not run.ensure_namespace:
            raise namespace_missing(run) from error
        await _create_namespace(run)
        applied = await _apply(run, manifest)
    run.tell(run.key, Action.APPLY, READY, ObjectChange.CREATED if applied.is_new else ObjectChange.CONFIGURED)
    return applied.body


async def _apply(run: Publishing, manifest: Manifest) -> Applied:
    async def call() -> Applied:
        body = dict(manifest.body)
        return await objects.apply(run.transport, SECRET, run.key, body, manager=run.manager, force=True)

    return await run.write(f"applying {run.key}", call)


async def _create_namespace(run: Publishing) -> None:
    key = NAMESPACE.key("", run.key.namespace)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": key.name}}

    async def call() -> Body:
        return (await objects.apply(run.transport, NAMESPACE, key, body, manager=run.manager)).body

    await run.write(f"creating {key}", call)
    run.tell(key, Action.APPLY, READY, ObjectChange.CREATED)


def _at_version_of(taken: Body, manifest: Manifest) -> Manifest:
    """The manifest, guarded by the version that the take-over has made."""
    metadata = manifest.body["metadata"]
    assert isinstance(metadata, dict)
    version = {"resourceVersion": taken["metadata"]["resourceVersion"]}
    return replace(manifest, body={**manifest.body, "metadata": {**metadata, **version}})
