"""What is to be done for one linked Deployment. Pure.

A delivery writes the copy and attaches it. Only a delivery takes strategy and reload from the App; until the next one
those of the copy are in effect. The other writes deliver nothing new: an attachment that somebody removed comes back,
and a copy that somebody edited gets the source's values again.
"""

from datetime import datetime

from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.attach import NotAttachable, attach, detach
from krt.core.app_secrets.decision import CopyDecision, Deliver, DeliveryCause, Detach, LinkState, NoChange, Note
from krt.core.app_secrets.deployment import LinkedDeployment
from krt.core.app_secrets.entries import Entries, rest_of
from krt.core.app_secrets.json_patch import Operation
from krt.core.app_secrets.judge import Judgement, Linked
from krt.core.app_secrets.names import IGNORE, MODE
from krt.core.app_secrets.secrets import Copy, Effect, Source, Stamps
from krt.core.app_secrets.wear import is_worn, stamped
from krt.core.kube.object_time import spelled

_MOST_MODE = 40  # characters of an unknown mode that a message repeats


def decide(app: SecretsApp, environment: str, judgement: Judgement, linked: Linked, now: datetime) -> CopyDecision:
    """The decision about one Deployment of an environment. `now` is in UTC."""
    deployment = linked.deployment
    if deployment is None or deployment.is_terminating:
        return _missing(linked)
    if deployment.is_ignored:
        return NoChange(LinkState.IGNORED, _unknown_mode(deployment))
    if deployment.is_detached:
        return decide_detached(app, deployment, linked.copy)
    entries = Entries(app.name, deployment.name)
    if linked.is_taken or (linked.copy is not None and linked.copy.app != app.name):
        return NoChange(
            LinkState.REFUSED, f"the Secret {entries.copy} exists, and is not krt's: delete it, or rename it"
        )
    own = linked.own_copy
    try:
        if judgement.source is not None and (cause := _cause(environment, own, judgement.source)):
            return _deliver(app, environment, judgement.source, deployment, linked, cause, now)
        if own is None:
            return NoChange(LinkState.WAITING, judgement.message)
        return (
            _kept(app, deployment, own, now)
            if judgement.keeps_attached
            else NoChange(LinkState.DELIVERED, judgement.message)
        )
    except NotAttachable as error:
        return NoChange(LinkState.REFUSED, str(error))


def decide_detached(app: SecretsApp, deployment: LinkedDeployment, copy: Copy | None) -> CopyDecision:
    """The decision about a Deployment with the mode `ignore-and-detach`, also if the App does not name it any more."""
    operations = detach(deployment.body, Entries(app.name, deployment.name))
    own = copy if copy is not None and copy.app == app.name else None
    return Detach(deployment, own, tuple(operations)) if operations or own else NoChange(LinkState.DETACHED)


def planned(app: SecretsApp, environment: str, digest: str) -> Effect:
    """What a delivery of the values with this digest puts into effect."""
    return Effect(digest, app.strategy, app.mount_path, app.environments[environment].reload)


def _cause(environment: str, own: Copy | None, source: Source) -> DeliveryCause | None:
    if own is None:
        return DeliveryCause.FIRST
    if own.environment != environment:
        return DeliveryCause.MOVED
    is_edited = own.effect.digest == source.digest
    if own.content != source.digest and not is_edited:
        return DeliveryCause.CHANGED
    if source.token not in {"", own.token}:
        return DeliveryCause.REDELIVERED
    return DeliveryCause.RESTORED if own.content != source.digest else None


def _deliver(
    app: SecretsApp,
    environment: str,
    source: Source,
    deployment: LinkedDeployment,
    linked: Linked,
    cause: DeliveryCause,
    now: datetime,
) -> CopyDecision:
    own = linked.own_copy
    if cause is DeliveryCause.RESTORED and own is not None:
        note = Note(environment, own.effect, own.token, own.delivered_at, own.stamps)
        return Deliver(app, deployment, own, cause, note, ())
    effect = planned(app, environment, source.digest)
    operations = attach(deployment.body, Entries(app.name, deployment.name), effect)
    token = source.token or (own.token if own else "")
    stamps = _stamps(app, deployment, Stamps(), operations, now)
    return Deliver(
        app, deployment, linked.copy, cause, Note(environment, effect, token, spelled(now), stamps), tuple(operations)
    )


def _kept(app: SecretsApp, deployment: LinkedDeployment, own: Copy, now: datetime) -> CopyDecision:
    entries = Entries(app.name, deployment.name)
    operations = attach(deployment.body, entries, own.effect)
    if not operations:
        return NoChange(LinkState.DELIVERED)
    if is_worn(own.stamps, rest_of(deployment.body, entries), now):
        by = deployment.last_manager or "another field manager"
        message = f"{by} has removed krt's entries from the pod template {own.stamps.count} times: let it keep them"
        return NoChange(LinkState.FIGHTING, message)
    stamps = _stamps(app, deployment, own.stamps, operations, now)
    note = Note(own.environment, own.effect, own.token, own.delivered_at, stamps)
    return Deliver(app, deployment, own, DeliveryCause.ATTACHED, note, tuple(operations))


def _stamps(
    app: SecretsApp, deployment: LinkedDeployment, before: Stamps, operations: list[Operation], now: datetime
) -> Stamps:
    if not operations:
        return before
    return stamped(before, rest_of(deployment.body, Entries(app.name, deployment.name)), now)


def _missing(linked: Linked) -> NoChange:
    if linked.deployment is not None:
        return NoChange(LinkState.MISSING, f"the Deployment {linked.name} is being deleted")
    if linked.others:
        kinds = " and ".join(f"a {kind}" for kind in linked.others)
        message = f"{linked.name} is {kinds}, and krt delivers to Deployments only"
        return NoChange(LinkState.NOT_A_DEPLOYMENT, message)
    return NoChange(LinkState.MISSING, f"there is no Deployment {linked.name}")


def _unknown_mode(deployment: LinkedDeployment) -> str:
    if not deployment.has_unknown_mode:
        return ""
    return f"{MODE} has the unknown value {(deployment.mode or '')[:_MOST_MODE]!r}, which counts as {IGNORE}"
