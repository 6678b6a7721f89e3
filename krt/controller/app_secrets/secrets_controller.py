"""The controller of App secrets: standbys watch Apps and their Namespaces, the leader also delivers."""

from collections import Counter

import trio
from prometheus_client import CollectorRegistry

from krt.cluster.reflect import reflect
from krt.cluster.transport import Transport
from krt.controller.app_secrets.app_statuses import AppStatuses, states_of
from krt.controller.app_secrets.deployment_events import DeploymentEvents
from krt.controller.app_secrets.digest_key import kept_digest_key
from krt.controller.app_secrets.environments import Environments
from krt.controller.app_secrets.places import HeardIn, Places
from krt.controller.app_secrets.results import EnvironmentKey, Results
from krt.controller.documents import Documents
from krt.controller.lease import Leadership
from krt.controller.loops import Loops, Turns, keep_awake
from krt.core.app_secrets.app import SecretsApp, read_app
from krt.core.app_secrets.delivered import RecentDeliveries
from krt.core.app_secrets.names import APP, copy_name
from krt.core.kube.builtin import LEASE
from krt.metrics import SecretsMetrics

LEASE_NAME = "krt-secrets"


class SecretsController:
    """The Apps of a cluster, and the work of the leader on them. `namespace` is the one that krt runs in."""

    def __init__(
        self,
        transport: Transport,
        namespace: str,
        identity: str,
        *,
        metrics: SecretsMetrics | None = None,
        deliveries: RecentDeliveries | None = None,
    ) -> None:
        self.apps = Documents(APP, read_app)
        self.leadership = Leadership(transport, LEASE.key(namespace, LEASE_NAME), identity)
        self.places = Places(
            transport, HeardIn(self._source_changed, self._deployment_changed, self._environment_changed)
        )
        self._transport, self._namespace = transport, namespace
        self._metrics = metrics or SecretsMetrics(CollectorRegistry())
        self.deliveries = deliveries or RecentDeliveries()
        self._loops: Loops[EnvironmentKey] | None = None
        self._status_loops: Loops[str] | None = None

    async def run(self) -> None:
        """Watch, and work while this process leads. Never returns."""
        digest_key = await kept_digest_key(self._transport, self._namespace)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reflect, self.apps.scope, self._transport, self.apps)
            nursery.start_soon(reflect, self.places.namespaces.scope, self._transport, self.places.namespaces)
            await nursery.start(self.places.watch, digest_key)
            await self.apps.scope.state.listed.wait()
            await self.places.namespaces.scope.state.listed.wait()
            await self.leadership.lead(lambda: self._work(digest_key))

    def problems(self) -> tuple[str, ...]:
        """Why the controller cannot do all of its work at present, a sentence each.

        A Namespace that krt may not look into is told in the App's status: the others get their values all the same.
        """
        scopes = (self.apps.scope, self.places.namespaces.scope)
        unseen = (f"{scope}: {scope.state.problem}" for scope in scopes if scope.state.problem)
        lease = (f"Lease: {self.leadership.problem}",) if self.leadership.problem else ()
        return (*unseen, *lease)

    def summary(self) -> str:
        """A few words about the state, for the page."""
        states = ", ".join(f"{number} {state}" for state, number in sorted(self.deployments_by_state().items()))
        count = f"Apps: {len(self.apps)}, Namespaces: {len(self.places)}{f'; Deployments: {states}' if states else ''}"
        leader = "this one" if self.leadership.leads else self.leadership.holder or "nobody"
        return "; ".join((f"{count}; {leader} leads", *self.places.problems()))

    def retrying(self) -> int:
        """How many environments of Apps wait for another attempt."""
        return self._loops.retrying if self._loops is not None else 0

    def is_settled(self, app: str, environment: str) -> bool:
        """Whether this process leads, and nothing is left to do for the environment and the status."""
        if self._loops is None or self._status_loops is None or self.places.is_gathering(environment, app):
            return False
        return self._loops.is_settled(EnvironmentKey(app, environment)) and self._status_loops.is_settled(app)

    def deployments_by_state(self) -> Counter[str]:
        """The number of linked Deployments in each state, as the status of the Apps says it."""
        return Counter(state for app in self.apps for state in states_of(app))

    async def _work(self, digest_key: bytes) -> None:
        async with trio.open_nursery() as nursery:
            turns, events = Turns(), DeploymentEvents(self._transport)
            results = Results(self._status_due)
            noted = (results, digest_key, events, self._metrics, self.deliveries)
            environments = Environments(self._transport, self.apps, self.places, *noted)
            statuses = AppStatuses(self._transport, self.apps, results, events)
            self._loops = Loops("App", nursery, turns, environments.reconcile)
            self._status_loops = Loops("App status", nursery, Turns(), statuses.reconcile)
            nursery.start_soon(events.write)
            stop = (self.apps.listen(self._app_changed), keep_awake(self._status_loops, self.apps, _wish))
            try:
                for app in self.apps:
                    self._app_changed(app.name, None, app)
                await trio.sleep_forever()
            finally:
                self._loops = self._status_loops = None
                for each in stop:
                    each()

    def _app_changed(self, _: str, before: SecretsApp | None, after: SecretsApp | None) -> None:
        if before and after and _wish(before) == _wish(after):
            return
        for app in filter(None, (before, after)):
            for environment in app.environments:
                self._nudge(EnvironmentKey(app.name, environment))

    def look(self, app: str, environment: str) -> None:
        """Look at the environment again soon, if the App has it."""
        found = self.apps.get(app)
        if found and environment in found.environments:
            self._nudge(EnvironmentKey(app, environment))

    def _source_changed(self, environment: str, app: str) -> None:
        self.look(app, environment)

    def _deployment_changed(self, environment: str, deployment: str) -> None:
        for app in self.apps:
            if self._concerns(app, environment, deployment):
                self.look(app.name, environment)

    def _concerns(self, app: SecretsApp, environment: str, deployment: str) -> bool:
        """Whether the App names the Deployment, or there is a copy from the time when it did."""
        linked = app.environments.get(environment)
        if linked is None or deployment in linked.deployments:
            return linked is not None
        places = (self.places.get(each.name) for each in self.places.of(environment))
        name = copy_name(app.name, deployment)
        return any(place.copies.get(place.namespace, name) for place in places if place)

    def _environment_changed(self, environment: str) -> None:
        for app in self.apps:
            self.look(app.name, environment)

    def _nudge(self, key: EnvironmentKey) -> None:
        if self._loops is not None:  # without a task it has the length 0
            self._loops.nudge(key)

    def _status_due(self, app: str) -> None:
        if self._status_loops is not None:
            self._status_loops.nudge(app)


def _wish(app: SecretsApp) -> object:
    return (app.uid, app.generation, app.is_terminating)
