"""One Namespace that is an environment: its sources, copies and Deployments, each kept by a watch.

Nothing outside of such a Namespace is asked for: krt has rights in these alone. The readers drop the values of Secrets.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import trio

from krt.cluster.reflect import reflect
from krt.cluster.scope import State
from krt.cluster.selection import Selection
from krt.cluster.transport import Transport
from krt.controller.app_secrets.seen import SeenObjects
from krt.core.app_secrets.deployment import LinkedDeployment, read_deployment
from krt.core.app_secrets.names import COPY_OF, SOURCE_OF
from krt.core.app_secrets.secrets import Copy, Source, read_copy, read_source
from krt.core.kube.builtin import SECRET
from krt.core.kube.restartable import DEPLOYMENT

GATHER_SECONDS = 2.0  # a person who edits five keys one by one means one rollout


@dataclass(frozen=True, slots=True)
class Heard:
    """Called when something has changed in the place: a source or copy of this App, this Deployment, or anything."""

    app: Callable[[str], None]
    deployment: Callable[[str], None]
    all: Callable[[], None]


class EnvironmentPlace:
    """What there is in one Namespace. `heard` must not block or raise; `digest_key` is that of `digest_of`."""

    def __init__(self, namespace: str, digest_key: bytes, heard: Heard) -> None:
        self.namespace, self._heard = namespace, heard
        self.sources = SeenObjects(
            SECRET, namespace, partial(read_source, key=digest_key), self._source_changed, Selection(labels=SOURCE_OF)
        )
        self.copies = SeenObjects(
            SECRET, namespace, partial(read_copy, key=digest_key), self._copy_changed, Selection(labels=COPY_OF)
        )
        self.deployments = SeenObjects(DEPLOYMENT, namespace, read_deployment, self._deployment_changed)
        self._gathering: dict[str, Source] = {}  # by name: what counts until the changes of two seconds have come
        self._nursery: trio.Nursery | None = None

    @property
    def is_known(self) -> bool:
        """Whether each watch has listed its objects."""
        return all(state.listed.is_set() for _, state in self._states)

    @property
    def denial(self) -> str:
        """Why krt may not watch the place, a sentence; "" if it may."""
        denied = (each for each in self._states if each[1].denied_since is not None)
        return next((f"{scope}: {state.problem}" for scope, state in denied), "")

    @property
    def problem(self) -> str:
        """Why what is known may be old, a sentence; "" if it is not."""
        return next((f"{scope}: {state.problem}" for scope, state in self._states if state.problem), "")

    def sources_of(self, app: str) -> tuple[Source, ...]:
        """The sources that are labelled with the App; of changes that still gather, the value before the first."""
        found = (each for each in self.sources if each.app == app)
        return tuple(self._steady(each) for each in found)

    def is_gathering(self, app: str) -> bool:
        """Whether a source of the App has changed within the last two seconds."""
        return any(each.app == app for each in self._gathering.values())

    async def watch(self, transport: Transport) -> None:
        """Keep the watches open, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(reflect, self.sources.scope, transport, self.sources)
            self._nursery.start_soon(reflect, self.copies.scope, transport, self.copies)
            self._nursery.start_soon(reflect, self.deployments.scope, transport, self.deployments)
            await self._tell_news()

    async def _tell_news(self) -> None:
        """A watch tells of objects only: rights that come and go are looked at every second."""
        said: tuple[bool, str] | None = None
        while True:
            if said != (said := (self.is_known, self.denial)):
                self._heard.all()
            await trio.sleep(0.2 if not self.is_known else 1.0)

    @property
    def _states(self) -> tuple[tuple[object, State], ...]:
        sources, copies, deployments = self.sources.scope, self.copies.scope, self.deployments.scope
        return (sources, sources.state), (copies, copies.state), (deployments, deployments.state)

    def _steady(self, source: Source) -> Source:
        before = self._gathering.get(source.name)
        is_same = before is not None and before.uid == source.uid
        return replace(before, version=source.version) if before and is_same else source

    def _source_changed(self, before: Source | None, after: Source | None) -> None:
        if before and after and _wish(before) == _wish(after):
            return
        if before and after and before.uid == after.uid and before.app == after.app and self._nursery:
            if before.name not in self._gathering:
                self._gathering[before.name] = before
                self._nursery.start_soon(self._gather, before)
            return
        self._tell({each.app for each in (before, after) if each})

    async def _gather(self, source: Source) -> None:
        await trio.sleep(GATHER_SECONDS)
        del self._gathering[source.name]
        self._heard.app(source.app)

    def _copy_changed(self, before: Copy | None, after: Copy | None) -> None:
        self._tell({each.app for each in (before, after) if each})

    def _deployment_changed(self, before: LinkedDeployment | None, after: LinkedDeployment | None) -> None:
        if before and after and _state(before) == _state(after):
            return  # its status, or its scale
        for each in {one.name for one in (before, after) if one is not None}:
            if each:
                self._heard.deployment(each)

    def _tell(self, apps: set[str]) -> None:
        for app in apps:
            self._heard.app(app)


def _wish(source: Source) -> object:
    return replace(source, version="")


def _state(deployment: LinkedDeployment) -> object:
    return (deployment.uid, deployment.mode, deployment.is_terminating, deployment.body["spec"])
