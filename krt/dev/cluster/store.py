"""Stores all objects, their versions and their watches. Only this module assigns resource versions."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter

import msgspec

from krt.dev.cluster import fields, objects, status
from krt.dev.cluster.kinds import BY_NAME, KINDS, Json, Kind
from krt.dev.cluster.table import Table
from krt.dev.cluster.watch import Change, Version, Watch

Observer = Callable[[Kind, Json | None, Json | None], None]


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page of a list, of the snapshot `number`. `remaining` counts the objects on later pages."""

    versions: tuple[Version, ...]
    number: int
    following: str = ""
    """The key at which the next page starts; empty on the last page."""
    remaining: int = 0


class ObjectStore:
    """All objects. It keeps the last `history` changes of each kind for watches, and `snapshots` unfinished lists."""

    def __init__(self, *, history: int = 10_000, snapshots: int = 32) -> None:
        self.number = 1
        self.observers: list[Observer] = []
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._tables = {kind.name: Table(kind, history) for kind in KINDS}
        self._snapshots: dict[tuple[str, str, int], tuple[Version, ...]] = {}
        self._max_snapshots = snapshots

    def table(self, kind: Kind) -> Table:
        """The objects, changes and watches of one kind."""
        return self._tables[kind.name]

    def read(self, kind: Kind, namespace: str, name: str) -> Version:
        """The newest version of an object. Raises ApiRefusal (404)."""
        try:
            return self.table(kind).objects[_key(kind, namespace, name)]
        except KeyError:
            raise status.not_found(kind, name) from None

    def create(self, document: Json, *, manager: str = "kubectl-create") -> Version:
        """Store a copy of a new object, which keeps its status. Raises ApiRefusal (404, 409, 422)."""
        kind = BY_NAME[document["kind"]]
        given = document["metadata"]
        name, namespace = given["name"], given.get("namespace", "")
        if _key(kind, namespace, name) in self.table(kind).objects:
            raise status.already_exists(kind, name)
        if kind.namespaced and namespace not in self.table(BY_NAME["Namespace"]).objects:
            raise status.not_found(BY_NAME["Namespace"], namespace)
        created = objects.new(kind, document, self.time())
        return self._commit(kind, {"metadata": {}}, created, manager=manager)

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: objects.Changing,
        *,
        manager: str,
        subresource: str = "",
    ) -> Version:
        """Store the result of `change`. If it equals the object, there is no new version. Raises ApiRefusal."""
        current = self.read(kind, namespace, name)
        before = current.document()
        after = objects.admit(kind, before, change(before), subresource=subresource)
        if after == before:
            return current
        return self._commit(kind, before, after, manager=manager, subresource=subresource)

    def delete(self, kind: Kind, namespace: str, name: str) -> Version:
        """Delete an object. Returns its last state, at the version of the deletion. Raises ApiRefusal (404)."""
        last = self.read(kind, namespace, name).document()
        self.number += 1
        last["metadata"]["resourceVersion"] = str(self.number)
        version = Version(_key(kind, namespace, name), self.number, msgspec.json.encode(last))
        table = self.table(kind)
        del table.objects[version.key]
        table.tell(Change("DELETED", version))
        self._observed(kind, last, None)
        return version

    def page(self, kind: Kind, namespace: str, *, limit: int, number: int, start: str) -> StoredPage:
        """The objects of snapshot `number` (0, -1: the present) from key `start` on. Raises KeyError if it is gone."""
        snapshot = (kind.name, namespace, number)
        versions = self._snapshots[snapshot] if number > 0 else self.table(kind).ordered(namespace)
        first = bisect_left(versions, start, key=attrgetter("key")) if start else 0
        taken = versions[first : first + limit] if limit else versions[first:]
        remaining = len(versions) - first - len(taken)
        number = number if number > 0 else self.number
        if not remaining:
            return StoredPage(taken, number)
        self._keep((kind.name, namespace, number), versions)
        return StoredPage(taken, number, versions[first + len(taken)].key, remaining)

    def watch(self, kind: Kind, namespace: str, after: int) -> Watch:
        """Open a watch for all changes after version `after`. 0 means: every object first, as ADDED.

        It is open at once, so no change is missed. Raises LookupError if the changes since `after` are gone.
        """
        table = self.table(kind)
        if not after:
            missed = [Change("ADDED", version) for version in table.ordered(namespace)]
        elif after < table.floor:
            raise LookupError(after)
        else:
            missed = [change for change in table.history if change.version.number > after]
        watch = Watch(namespace, seen=after, after=after or self.number, missed=missed)
        table.watches.add(watch)
        return watch

    def floor(self, kind: Kind) -> int:
        """The oldest version at which a watch of this kind can begin."""
        return self.table(kind).floor

    def unwatch(self, kind: Kind, watch: Watch) -> None:
        """Remove a watch."""
        self.table(kind).watches.discard(watch)

    def watches(self) -> Iterator[Watch]:
        """All open watches, of every kind."""
        for table in self._tables.values():
            yield from table.watches

    def compact(self) -> None:
        """Forget all old versions: watches from them, and their continue tokens, get 410."""
        self._snapshots.clear()
        for table in self._tables.values():
            table.history.clear()
            table.floor = self.number

    def _commit(self, kind: Kind, before: Json, after: Json, *, manager: str, subresource: str = "") -> Version:
        metadata = after["metadata"]
        metadata["managedFields"] = fields.record(
            before["metadata"].get("managedFields", []),
            before,
            after,
            manager=manager,
            subresource=subresource,
            api_version=kind.api_version,
            time=self.time(),
        )
        self.number += 1
        metadata["resourceVersion"] = str(self.number)
        key = _key(kind, metadata.get("namespace", ""), metadata["name"])
        version = Version(key, self.number, msgspec.json.encode(after))
        table = self.table(kind)
        created = key not in table.objects
        table.put(version)
        table.tell(Change("ADDED" if created else "MODIFIED", version))
        self._observed(kind, None if created else before, after)
        return version

    def _observed(self, kind: Kind, before: Json | None, after: Json | None) -> None:
        for observe in self.observers:
            observe(kind, before, after)

    def _keep(self, snapshot: tuple[str, str, int], versions: tuple[Version, ...]) -> None:
        self._snapshots.pop(snapshot, None)
        self._snapshots[snapshot] = versions
        if len(self._snapshots) > self._max_snapshots:
            del self._snapshots[next(iter(self._snapshots))]

    def time(self) -> str:
        """The present time as Kubernetes writes it, in whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _key(kind: Kind, namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if kind.namespaced else name
