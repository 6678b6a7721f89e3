"""One object of the cluster as it is now, kept up to date by a watch of its own.

A list or watch of one name is all that a Role with `resourceNames` allows, and nothing of other objects is sent.
"""

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field

from trio_util import wait_any

from krt.cluster.metadata import ObjectVersion
from krt.cluster.objects import Body
from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.selection import Selection
from krt.cluster.transport import Transport
from krt.cluster.wire import Reader
from krt.core.kube.fields import text_at
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.resource_version import is_older
from krt.errors import ClusterDenied


@dataclass(slots=True, eq=False)
class Sight:
    """The newest known version of one object, in `body`; None: it does not exist. `changed` is called with each change.

    It is the store that `reflect` fills.
    """

    key: ObjectKey
    scope: Scope[ObjectVersion]
    changed: Callable[[], None]
    body: Body | None = field(default=None, repr=False)
    removals: int = 0

    async def follow(self, transport: Transport) -> None:
        """Keep `body` up to date. Never returns."""
        await reflect(self.scope, transport, self)

    async def wait_followed(self) -> None:
        """Return when the object is watched. Raises ClusterDenied if krt may not list or watch it."""
        state = self.scope.state
        if state.denied_since is None:
            await wait_any(state.followed.wait, state.denied.wait)
        if not state.followed.is_set():
            raise ClusterDenied(state.problem or "")

    async def take(self, written: Awaitable[Body]) -> None:
        """Take over the object that a call returns, unless the watch has reported its deletion meanwhile."""
        removals = self.removals
        body = await written
        if removals == self.removals:
            self._keep(body)

    def __contains__(self, key: ObjectKey) -> bool:
        """Whether the object exists."""
        return key == self.key and self.body is not None

    def put(self, changed: ObjectVersion) -> None:
        """Take over a version that the watch reports."""
        if changed.key == self.key:
            self._keep(changed.body)

    def remove(self, key: ObjectKey) -> None:
        """Note that the object was deleted."""
        if key == self.key:
            self.body, self.removals = None, self.removals + 1
            self.changed()

    def retain(self, _resource: Resource, _namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Note that the object was deleted, unless it is among those that a complete list had."""
        if self.key not in keys and self.body is not None:
            self.remove(self.key)

    def _keep(self, body: Body) -> None:
        if not _is_older(body, self.body):
            self.body = body
            self.changed()


def sight_of(reader: Reader[ObjectVersion], namespace: str, name: str, changed: Callable[[], None]) -> Sight:
    """A sight of the object of the reader's resource with this name."""
    scope = Scope(reader, namespace, selection=Selection(name=name))
    return Sight(reader.resource.key(namespace, name), scope, changed)


def _is_older(body: Body, known: Body | None) -> bool:
    """Whether `body` is an older version of the same object than `known`: the watch may lag behind krt's own write."""
    if known is None or text_at(body, "metadata", "uid") != text_at(known, "metadata", "uid"):
        return False
    new, old = (text_at(each, "metadata", "resourceVersion") for each in (body, known))
    return is_older(new, old)
