"""The Namespaces that are environments, by their label; each has its watches while it has the label."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import trio

from krt.cluster.selection import Selection
from krt.cluster.transport import Transport
from krt.controller.app_secrets.place import EnvironmentPlace, Heard
from krt.controller.app_secrets.seen import SeenObjects
from krt.core.app_secrets.judge import SeenNamespace
from krt.core.app_secrets.names import ENVIRONMENT
from krt.core.kube.fields import text_at, texts_at
from krt.core.kube.resource import NAMESPACE


@dataclass(frozen=True, slots=True)
class Association:
    """A Namespace, and the environment that its label names."""

    environment: str
    namespace: SeenNamespace


@dataclass(frozen=True, slots=True)
class HeardIn:
    """Called when something has changed in an environment: about this App, about this Deployment, or anything."""

    app: Callable[[str, str], None]
    deployment: Callable[[str, str], None]
    all: Callable[[str], None]


class Places:
    """Each environment's Namespaces, and what there is in them. `heard` must not block or raise."""

    def __init__(self, transport: Transport, heard: HeardIn) -> None:
        self._transport, self._heard = transport, heard
        self.namespaces = SeenObjects(NAMESPACE, None, _read, self._changed, Selection(labels=ENVIRONMENT))
        self._places: dict[str, tuple[EnvironmentPlace, trio.CancelScope]] = {}
        self._nursery: trio.Nursery | None = None
        self._digest_key = b""

    async def watch(self, digest_key: bytes, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the watches of all places open, until cancelled."""
        self._digest_key = digest_key
        async with trio.open_nursery() as self._nursery:
            for each in self.namespaces:
                self._open(each)
            task_status.started()
            await trio.sleep_forever()

    def of(self, environment: str) -> tuple[SeenNamespace, ...]:
        """The Namespaces that are labelled with the environment."""
        return tuple(each.namespace for each in self.namespaces if each.environment == environment)

    def get(self, namespace: str) -> EnvironmentPlace | None:
        """What there is in the Namespace; None if it is no environment."""
        found = self._places.get(namespace)
        return found[0] if found else None

    def is_gathering(self, environment: str, app: str) -> bool:
        """Whether a source of the App has changed within the last two seconds."""
        places = (self.get(each.name) for each in self.of(environment))
        return any(place.is_gathering(app) for place in places if place)

    def problems(self) -> tuple[str, ...]:
        """Why what is known of a place may be old, a sentence each."""
        return tuple(place.problem for place, _ in self._places.values() if place.problem)

    def __len__(self) -> int:
        return len(self._places)

    def _changed(self, before: Association | None, after: Association | None) -> None:
        if before == after:
            return
        if before and (after is None or after.environment != before.environment):
            self._close(before)
        if after and after.namespace.name not in self._places:
            self._open(after)
        for environment in {each.environment for each in (before, after) if each}:
            self._heard.all(environment)

    def _open(self, found: Association) -> None:
        if self._nursery is None:
            return
        name, environment = found.namespace.name, found.environment
        heard = Heard(
            app=lambda app: self._heard.app(environment, app),
            deployment=lambda deployment: self._heard.deployment(environment, deployment),
            all=lambda: self._heard.all(environment),
        )
        place, scope = EnvironmentPlace(name, self._digest_key, heard), trio.CancelScope()
        self._places[name] = (place, scope)
        self._nursery.start_soon(self._follow, place, scope, name=f"watch {name}")

    async def _follow(self, place: EnvironmentPlace, scope: trio.CancelScope) -> None:
        with scope:
            await place.watch(self._transport)

    def _close(self, found: Association) -> None:
        if place := self._places.pop(found.namespace.name, None):
            place[1].cancel()


def _read(body: Mapping[str, object]) -> Association | None:
    environment = texts_at(body, "metadata", "labels").get(ENVIRONMENT, "")
    if not environment:
        return None
    is_terminating = bool(text_at(body, "metadata", "deletionTimestamp"))
    return Association(environment, SeenNamespace(text_at(body, "metadata", "name"), is_terminating=is_terminating))
