"""Reconciles one environment of an App: each linked Deployment gets the source's values, or a sentence why it does not.

While nothing changes, it sends nothing: what there is comes from watches.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from krt.cluster import objects
from krt.cluster.transport import Transport
from krt.controller.app_secrets.delivering import Delivering, SourceValues
from krt.controller.app_secrets.deployment_events import DeploymentEvents
from krt.controller.app_secrets.place import EnvironmentPlace
from krt.controller.app_secrets.places import Places
from krt.controller.app_secrets.results import EnvironmentKey, Results
from krt.controller.documents import Documents
from krt.controller.loops import Next
from krt.controller.statuses import wall_clock
from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.decision import CopyDecision, Deliver, Detach
from krt.core.app_secrets.delivered import DeliveredSecrets, RecentDeliveries
from krt.core.app_secrets.deployment import LinkedDeployment
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.judge import Judgement, Linked, SeenNamespace, Usability, denied, judge
from krt.core.app_secrets.status import SeenEnvironment, SeenLink
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import DAEMON_SET, STATEFUL_SET
from krt.core.reason import readable
from krt.core.restart.times import format_time
from krt.delivery.at_once import each
from krt.errors import ClusterDenied, ClusterError, ClusterRefused, NotThere
from krt.logs import Log
from krt.metrics import SecretsMetrics

log = Log("controller")

# Kinds that have pods, and of which an App may name one by mistake. The last one is Argo Rollouts'.
_OTHERS = (STATEFUL_SET, DAEMON_SET, Resource("argoproj.io", "v1alpha1", "Rollout", "rollouts"))
_MOST_ASKED = 20  # missing Deployments of which krt asks for what else has the name


@dataclass(slots=True)
class Environments:
    """The environments of all Apps. `transport` writes copies and Deployments; `digest_key` is that of `digest_of`."""

    transport: Transport
    apps: Documents[SecretsApp]
    places: Places
    results: Results
    digest_key: bytes
    events: DeploymentEvents
    metrics: SecretsMetrics
    deliveries: RecentDeliveries
    now: Callable[[], datetime] = wall_clock

    async def reconcile(self, key: EnvironmentKey) -> Next:
        """Deliver what is to be delivered. Raises ClusterError if the API server does not answer."""
        app = self.apps.get(key.app)
        if app is None or app.is_terminating or key.environment not in app.environments:
            self.results.forget(key)
            return Next.END
        namespaces = self.places.of(key.environment)
        place = self.places.get(namespaces[0].name) if len(namespaces) == 1 else None
        if place is None:
            return self._say(key, app, judge(app, key.environment, namespaces, (), ()))
        if place.denial:
            return self._say(key, app, denied(place.namespace, readable(place.denial)))
        if not place.is_known:
            return Next.LOOK  # the place tells when it is
        return await self._deliver(key, app, namespaces, place)

    async def _deliver(
        self, key: EnvironmentKey, app: SecretsApp, namespaces: tuple[SeenNamespace, ...], place: EnvironmentPlace
    ) -> Next:
        linked = [_linked(app, place, name) for name in app.environments[key.environment].deployments]
        judgement = judge(app, key.environment, namespaces, place.sources_of(app.name), linked)
        if judgement.reason is Usability.TERMINATING:
            return self._say(key, app, judgement)
        values = SourceValues(self.transport, judgement.source, self.digest_key) if judgement.source else None
        delivering = Delivering(self.transport, app, key.environment, place, values, self.now)
        await self._find_others(place, linked)
        failed = dict[str, ClusterError]()

        async def act(one: Linked) -> bool:
            if error := await self._act(delivering, judgement, one):
                failed[one.name] = error
            return True

        await each([*linked, *_unlinked(app, place, linked)], act)
        refused = next((error for error in failed.values() if isinstance(error, ClusterDenied)), None)
        said = denied(place.namespace, readable(str(refused))) if refused else judgement
        links = [self._seen(delivering, said, one, failed.get(one.name)) for one in linked]
        self.results.put(app, SeenEnvironment(key.environment, said, links))
        return Next.RETRY if failed or delivering.taken else Next.LOOK  # no watch sees a Secret that is not krt's

    async def _act(self, delivering: Delivering, judgement: Judgement, linked: Linked) -> ClusterError | None:
        """Act for one Deployment; if that fails, the others get theirs all the same."""
        try:
            self._note(delivering.app, await delivering.act(judgement, linked))
        except ClusterError as error:
            log.warning("secrets_not_delivered", app=delivering.app.name, deployment=linked.name, problem=error)
            self.metrics.failed()
            return error
        return None

    def _note(self, app: SecretsApp, decision: CopyDecision) -> None:
        match decision:
            case Deliver() as done:
                log.info(
                    "secrets_delivered",
                    app=done.app.name,
                    deployment=done.deployment.name,
                    cause=done.cause,
                    makes_pods=done.makes_pods,
                )
                self.metrics.delivered(done.cause, makes_pods=done.makes_pods)
                self.events.note(done.deployment, "SecretsDelivered", _sentence(done))
                self._list(app, done.deployment, f"{done.cause}{_of_pods(done)}")
            case Detach() as done:
                log.info("secrets_detached", deployment=done.deployment.name)
                self.metrics.detached()
                self.events.note(done.deployment, "SecretsDetached", "krt's entries and the copy are gone")
                self._list(app, done.deployment, "detached")

    def _list(self, app: SecretsApp, deployment: LinkedDeployment, what: str) -> None:
        at = format_time(self.now())
        self.deliveries.note(DeliveredSecrets(at, app.name, deployment.namespace, deployment.name, what))

    def _seen(
        self, delivering: Delivering, judgement: Judgement, before: Linked, error: ClusterError | None
    ) -> SeenLink:
        """How it stands after the writes, which the place has taken over."""
        linked = _linked(delivering.app, delivering.place, before.name)
        linked = replace(linked, others=before.others, is_taken=before.name in delivering.taken)
        return SeenLink(linked, delivering.decide(judgement, linked), str(error) if error else "")

    def _say(self, key: EnvironmentKey, app: SecretsApp, judgement: Judgement) -> Next:
        links = [SeenLink(Linked(name)) for name in app.environments[key.environment].deployments]
        self.results.put(app, SeenEnvironment(key.environment, judgement, links))
        return Next.LOOK

    async def _find_others(self, place: EnvironmentPlace, linked: list[Linked]) -> None:
        """For a name that is no Deployment's, find what else has it: people name StatefulSets."""
        missing = [at for at, one in enumerate(linked) if one.deployment is None]
        for at in missing[:_MOST_ASKED]:
            linked[at] = replace(linked[at], others=await self._others(place.namespace, linked[at].name))

    async def _others(self, namespace: str, name: str) -> tuple[str, ...]:
        found = []
        for resource in _OTHERS:
            try:
                await objects.read(self.transport, resource, resource.key(namespace, name))
            except (NotThere, ClusterDenied, ClusterRefused):
                continue  # there is none, or nobody may know
            found.append(resource.kind)
        return tuple(found)


def _linked(app: SecretsApp, place: EnvironmentPlace, name: str) -> Linked:
    copy = place.copies.get(place.namespace, Entries(app.name, name).copy)
    return Linked(name, place.deployments.get(place.namespace, name), copy)


def _unlinked(app: SecretsApp, place: EnvironmentPlace, linked: Sequence[Linked]) -> Iterator[Linked]:
    """Deployments that the App names no more, and that have a copy: they may be told to give it back."""
    named = {one.name for one in linked}
    for copy in place.copies:
        if copy.app == app.name and copy.owner not in {"", *named}:
            yield _linked(app, place, copy.owner)


def _sentence(done: Deliver) -> str:
    """What a delivery has done, for an Event."""
    return f"the values of the App {done.app.name} were delivered ({done.cause}){_of_pods(done)}"


def _of_pods(done: Deliver) -> str:
    return "; new pods get them" if done.makes_pods else "; its pods keep running"
