"""What a watch has shown of one kind: values that were read from objects, and nothing else of those objects."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from krt.cluster.scope import Scope
from krt.cluster.selection import EVERYTHING, Selection
from krt.cluster.wire import Reader
from krt.core.kube.fields import text_at
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.resource_version import is_older

V = TypeVar("V")

# Called with the value before and after a change. Must not block or raise.
OnSeen = Callable[[V | None, V | None], None]


@dataclass(frozen=True, slots=True)
class SeenObject(Generic[V]):
    """An object at one resource version, and the value that was read from it; None if it is none of krt's business."""

    key: ObjectKey
    resource_version: str
    uid: str
    value: V | None = field(repr=False)


class SeenObjects(Generic[V]):
    """The objects of one resource in one namespace, or in all. It is the store that `reflect` fills."""

    def __init__(
        self,
        resource: Resource,
        namespace: str | None,
        read: Callable[[Mapping[str, Any]], V | None],
        changed: OnSeen[V],
        selection: Selection = EVERYTHING,
    ) -> None:
        self._resource, self._read, self._changed = resource, read, changed
        self.scope = Scope(Reader(resource, dict[str, Any], self._seen), namespace, selection=selection)
        self._found: dict[ObjectKey, SeenObject[V]] = {}

    def __iter__(self) -> Iterator[V]:
        return iter([each.value for each in self._found.values() if each.value is not None])

    def get(self, namespace: str, name: str) -> V | None:
        """The value of an object; None if there is none."""
        found = self._found.get(self._resource.key(namespace, name))
        return found.value if found else None

    def take(self, body: Mapping[str, Any]) -> V | None:
        """Take over the object that a call has returned, unless the watch was faster. Returns its value."""
        seen = self._seen(body)
        self.put(seen)
        return seen.value

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._found

    def put(self, changed: SeenObject[V], /) -> None:
        """Add an object, or replace its earlier version."""
        before = self._found.get(changed.key)
        if before and before.uid == changed.uid and is_older(changed.resource_version, before.resource_version):
            return
        self._found[changed.key] = changed
        self._changed(before.value if before else None, changed.value)

    def remove(self, key: ObjectKey) -> None:
        """Remove an object, if it is known."""
        if before := self._found.pop(key, None):
            self._changed(before.value, None)

    def retain(self, _resource: Resource, _namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Remove the objects that a complete list did not have."""
        for key in [key for key in self._found if key not in keys]:
            self.remove(key)

    def _seen(self, body: Mapping[str, Any]) -> SeenObject[V]:
        namespace, name = text_at(body, "metadata", "namespace"), text_at(body, "metadata", "name")
        version, uid = text_at(body, "metadata", "resourceVersion"), text_at(body, "metadata", "uid")
        return SeenObject(self._resource.key(namespace, name), version, uid, self._read(body))
