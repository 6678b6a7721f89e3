"""The documents of one kind, kept by a watch: Bundles, or Apps. Standbys have them, too, and so begin at once."""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from krt.cluster.metadata import ObjectVersion, whole_reader
from krt.cluster.objects import Body
from krt.cluster.scope import Scope
from krt.core.kube.fields import text_at
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.resource_version import is_older


class KeptDocument(Protocol):
    """An object that was read."""

    @property
    def version(self) -> str:
        """Its resource version."""
        ...

    @property
    def uid(self) -> str:
        """Its uid."""
        ...


T = TypeVar("T", bound=KeptDocument)

# Called with a name and the document before and after a change. Must not block or raise.
OnChange = Callable[[str, T | None, T | None], None]


class Documents(Generic[T]):
    """A store of one kind without namespaces, by name. It is the store that `reflect` fills."""

    def __init__(self, resource: Resource, read: Callable[[Mapping[str, object]], T]) -> None:
        self.resource = resource
        self.scope = Scope(whole_reader(resource), None)
        self._read = read
        self._found: dict[str, T] = {}
        self._listeners: list[OnChange[T]] = []

    def listen(self, changed: OnChange[T]) -> Callable[[], None]:
        """Call `changed` with every change, until the returned function is called."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def get(self, name: str) -> T | None:
        """The document as last seen."""
        return self._found.get(name)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._found.values()))

    def __len__(self) -> int:
        return len(self._found)

    def names(self) -> tuple[str, ...]:
        """The names of all documents."""
        return tuple(self._found)

    def take(self, body: Body, *, is_new: bool = False) -> T:
        """Take over the object that a write has returned, unless the watch was faster. Returns the newest.

        If the store does not hold the object, the watch has reported its deletion meanwhile; unless `is_new`.
        """
        name, found = text_at(body, "metadata", "name"), self._read(body)
        return self._keep(name, found) if is_new or name in self._found else found

    def _keep(self, name: str, found: T) -> T:
        if (known := self._found.get(name)) and known.uid == found.uid and not _is_newer(found, known):
            return known
        self._set(name, found)
        return found

    def __contains__(self, key: ObjectKey) -> bool:
        return key.name in self._found

    def put(self, changed: ObjectVersion, /) -> None:
        """Add a document, or replace its earlier version."""
        self._keep(changed.key.name, self._read(changed.body))

    def remove(self, key: ObjectKey) -> None:
        """Remove a document, if it is known."""
        self._set(key.name, None)

    def retain(self, _resource: Resource, _namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Remove the documents that a complete list did not have."""
        for name in self.names():
            if self.resource.key("", name) not in keys:
                self._set(name, None)

    def _set(self, name: str, found: T | None) -> None:
        before = self._found.pop(name, None)
        if found is not None:
            self._found[name] = found
        if before is not None or found is not None:
            for changed in tuple(self._listeners):
                changed(name, before, found)


def _is_newer(one: KeptDocument, other: KeptDocument) -> bool:
    are_numbers = one.version.isdecimal() and other.version.isdecimal()
    return not are_numbers or is_older(other.version, one.version)
