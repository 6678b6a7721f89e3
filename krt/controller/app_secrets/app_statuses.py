"""Writes the status of an App once each of its environments was looked at, and warns of changes by Events."""

from dataclasses import dataclass

from krt.cluster.transport import Transport
from krt.controller.app_secrets.deployment_events import DeploymentEvents
from krt.controller.app_secrets.results import Results
from krt.controller.documents import Documents
from krt.controller.loops import Next
from krt.controller.statuses import Now, wall_clock, write_status
from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.decision import LinkState
from krt.core.app_secrets.status import SeenEnvironment, status_of
from krt.core.kube.fields import items_at, text_at

_WARNED = {LinkState.REFUSED, LinkState.FIGHTING}


@dataclass(slots=True)
class AppStatuses:
    """The status of the Apps of a cluster."""

    transport: Transport
    apps: Documents[SecretsApp]
    results: Results
    events: DeploymentEvents
    now: Now = wall_clock

    async def reconcile(self, name: str) -> Next:
        """Write the status, unless it is there. Raises ClusterError."""
        app = self.apps.get(name)
        if app is None or app.is_terminating:
            return Next.END
        seen = self.results.of(app)
        if seen is None:
            return Next.LOOK  # the first run of the last environment tells
        self._warn(app, seen)
        await write_status(self.transport, self.apps, app, status_of(app, seen, self.now()))
        return Next.LOOK

    def _warn(self, app: SecretsApp, seen: tuple[SeenEnvironment, ...]) -> None:
        """An Event for each Deployment that gets nothing for a reason that its status does not name yet."""
        said = {_place(each): text_at(each, "message") for each in items_at(app.status, "deployments")}
        for environment in seen:
            for link in environment.links:
                deployment, is_odd = link.linked.deployment, link.state is LinkState.IGNORED and bool(link.message)
                is_news = said.get((environment.name, link.linked.name)) != link.message
                if deployment and is_news and (link.state in _WARNED or is_odd):
                    self.events.note(deployment, "SecretsNotDelivered", link.message, is_warning=True)


def _place(entry: object) -> tuple[str, str]:
    return text_at(entry, "environment"), text_at(entry, "deployment")


def states_of(app: SecretsApp) -> tuple[str, ...]:
    """The state of each linked Deployment, as the App's status says it."""
    return tuple(text_at(each, "state") for each in items_at(app.status, "deployments"))
