"""Sees whether the installed objects are as krt applied them: by watches of metadata, one for each kind in use.

The watches open and close with the inventories. Nothing is asked of the API server to find drift: an object whose
metadata say that all of krt's fields are still krt's is as it was applied (`krt.core.delivery.owned_fields`).
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

import trio

from krt.backoff import Backoff
from krt.cluster.discovery import Discovery
from krt.cluster.metadata import OwnedObject, owned_reader
from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.selection import Selection
from krt.cluster.transport import Transport
from krt.core.delivery.inventory import Inventory, InventoryEntry
from krt.core.delivery.owned_fields import owned_fields
from krt.core.kube.fields import texts_at
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.resource_version import is_older
from krt.core.rukpak.names import BUNDLE_DEPLOYMENT, OWNER_KIND, OWNER_NAME
from krt.core.rukpak.owner import owner_of
from krt.errors import ClusterError
from krt.logs import Log

log = Log("controller")

_DENIALS_SECONDS = 2.0  # between two looks at what the API server denies: nothing is asked for them
_OURS = Selection(labels=f"{OWNER_KIND}={BUNDLE_DEPLOYMENT.kind}")
_Kind = tuple[str, str]  # API group and kind

# Called with the name of a BundleDeployment of which an object has changed. Must not block or raise.
Stir = Callable[[str], None]


@dataclass(slots=True)
class _Watched:
    """One kind: its objects as the watch last saw them."""

    scope_of_task: trio.CancelScope = field(default_factory=trio.CancelScope)
    scope: Scope[OwnedObject] | None = None
    found: dict[ObjectKey, OwnedObject] = field(default_factory=dict)


@dataclass(slots=True)
class _Installed:
    """What one BundleDeployment has installed, the versions that its last delivery wrote, and what changed since."""

    inventory: Inventory
    keys: frozenset[ObjectKey]
    versions: dict[ObjectKey, str]
    changed: set[ObjectKey] = field(default_factory=set)


class DriftWatch:
    """The installed objects of all BundleDeployments, as they are now. `stir` hears of every change."""

    def __init__(self, transport: Transport, stir: Stir) -> None:
        self._transport, self._stir = transport, stir
        self._discovery = Discovery(transport)
        self._installed: dict[str, _Installed] = {}
        self._kinds: dict[_Kind, _Watched] = {}
        self._nursery: trio.Nursery | None = None

    async def watch(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the watches open, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            self._open_and_close()
            await self._tell_denials()

    async def _tell_denials(self) -> None:
        """Stir each BundleDeployment of which a kind can no longer be watched, or can be again."""
        before: dict[str, str] = {}
        while True:
            await trio.sleep(_DENIALS_SECONDS)
            now = {name: self.unseen(name) for name in self._installed}
            for name in [name for name, unseen in now.items() if unseen != before.get(name, "")]:
                self._stir(name)
            before = now

    def knows(self, name: str) -> bool:
        """Whether `note` has told the inventory of this BundleDeployment."""
        return name in self._installed

    def inventory(self, name: str) -> Inventory:
        """The inventory that `note` has told."""
        return self._installed[name].inventory

    def note(self, name: str, inventory: Inventory, versions: Mapping[ObjectKey, str]) -> None:
        """A delivery has ended, or an inventory was read: `versions` are those of the objects that were applied."""
        before = self._installed.get(name)
        keys = frozenset(entry.key for entry in inventory.entries)
        known = {**(before.versions if before else {}), **versions}
        kept = {key: version for key, version in known.items() if key in keys}
        changed = (before.changed if before else set()) | (keys - versions.keys())
        self._installed[name] = _Installed(inventory, keys, kept, changed & keys)
        self._open_and_close()

    def forget(self, name: str) -> None:
        """The BundleDeployment is gone."""
        if self._installed.pop(name, None):
            self._open_and_close()

    def problems(self) -> tuple[str, ...]:
        """Why drift of a kind cannot be seen at present, a sentence each."""
        scopes = [each.scope for each in self._kinds.values() if each.scope]
        return tuple(f"{scope}: {scope.state.problem}" for scope in scopes if scope.state.problem)

    def unseen(self, name: str) -> str:
        """Of which objects of this BundleDeployment the API server lets krt see no drift, and why; "" if of none."""
        kinds = {key[:2] for key in self._installed[name].keys} if name in self._installed else set()
        scopes = [self._kinds[kind].scope for kind in sorted(kinds & self._kinds.keys())]
        denied = [each for each in scopes if each and each.state.denied_since is not None]
        return "; ".join(f"drift of {each} is not seen: {each.state.problem}" for each in denied)

    def drifted(self, name: str) -> tuple[ObjectKey, ...]:
        """The objects that are gone, were made anew, or have lost a field of krt's; as far as the watches show."""
        if (installed := self._installed.get(name)) is None:
            return ()
        return tuple(entry.key for entry in installed.inventory.entries if self._has_drifted(name, installed, entry))

    def take_changed(self, name: str) -> set[ObjectKey]:
        """The objects that have changed in any way since this was asked last."""
        if (installed := self._installed.get(name)) is None:
            return set()
        changed, installed.changed = installed.changed, set()
        return changed

    def _has_drifted(self, name: str, installed: _Installed, entry: InventoryEntry) -> bool:
        watched = self._kinds.get(entry.key[:2])
        if watched is None or watched.scope is None or not watched.scope.state.listed.is_set():
            return False  # nobody knows yet
        seen, written = watched.found.get(entry.key), installed.versions.get(entry.key, "")
        if seen is None:
            return not is_older(watched.scope.state.version or "", written)
        if seen.is_terminating or is_older(seen.resource_version, written):
            return False
        return (seen.uid, seen.fields, seen.owner_name) != (entry.uid, entry.fields, name)

    def _open_and_close(self) -> None:
        if self._nursery is None:
            return
        wanted = {entry.key[:2] for each in self._installed.values() for entry in each.inventory.entries}
        for kind in self._kinds.keys() - wanted:
            self._kinds.pop(kind).scope_of_task.cancel()
        for kind in sorted(wanted - self._kinds.keys()):
            self._kinds[kind] = _Watched()
            self._nursery.start_soon(self._follow, kind, self._kinds[kind], name=f"watch {kind}")

    async def _follow(self, kind: _Kind, watched: _Watched) -> None:
        with watched.scope_of_task:
            resource = await self._find(kind)
            watched.scope = Scope(owned_reader(resource, _owner_and_fields), None, selection=_OURS)
            await reflect(watched.scope, self._transport, _Store(self, watched))

    async def _find(self, kind: _Kind) -> Resource:
        async for _ in Backoff(first_seconds=0.5, most_seconds=30.0):
            try:
                return await self._discovery.find(*kind)
            except ClusterError as error:
                log.info("kind_not_found", kind=kind[1], group=kind[0], problem=error)
        raise AssertionError("a backoff does not end")

    def listed(self) -> None:
        """A kind was listed: what is missing from the list has drifted."""
        for name in tuple(self._installed):
            self._stir(name)

    def seen(self, changed: OwnedObject, owner_name: str) -> None:
        """The watch has come as far as this version: what krt wrote before need not be remembered."""
        installed = self._installed.get(owner_name)
        if installed and not is_older(changed.resource_version, installed.versions.get(changed.key, "")):
            installed.versions.pop(changed.key, None)

    def hear(self, key: ObjectKey, owner_name: str) -> None:
        """An object with the label of a BundleDeployment has changed or is gone."""
        installed = self._installed.get(owner_name)
        if installed and key in installed.keys:
            installed.changed.add(key)
            self._stir(owner_name)


class _Store:
    """The store that `reflect` fills for one kind."""

    def __init__(self, drift: DriftWatch, watched: _Watched) -> None:
        self._drift, self._found = drift, watched.found

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._found

    def put(self, changed: OwnedObject, /) -> None:
        """Note a new version; also for the owner that the object has lost."""
        before = self._found.get(changed.key)
        self._found[changed.key] = changed
        for name in {changed.owner_name, before.owner_name if before else changed.owner_name}:
            self._drift.hear(changed.key, name)
            self._drift.seen(changed, name)

    def remove(self, key: ObjectKey) -> None:
        """Note that the object is gone, or has lost its label."""
        if before := self._found.pop(key, None):
            self._drift.hear(key, before.owner_name)

    def retain(self, _resource: Resource, _namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Note the objects that a complete list did not have; and look at all, for now the list is complete."""
        for key in [key for key in self._found if key not in keys]:
            self.remove(key)
        self._drift.listed()


def _owner_and_fields(body: Mapping[str, object]) -> tuple[str, str]:
    name = texts_at(body, "metadata", "labels").get(OWNER_NAME, "")
    return name, owned_fields(body, owner_of(name))
