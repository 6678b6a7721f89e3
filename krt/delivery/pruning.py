"""Deletes objects of an inventory by name and uid, in the order of deletion: each stage is gone before the next."""

from collections.abc import Iterable
from functools import partial

from krt.cluster import objects
from krt.cluster.object_errors import PreconditionFailed
from krt.cluster.objects import Body
from krt.core.delivery.inventory import InventoryEntry
from krt.core.delivery.pruning import Delete, Extent, Fate, Keep, Leave, fate_of
from krt.core.delivery.stages import in_deletion_order
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.report.action import Action, ObjectChange
from krt.core.report.target import TargetState
from krt.delivery.asking import patiently
from krt.delivery.at_once import each
from krt.delivery.foreign import foreign_in
from krt.delivery.run import Run
from krt.delivery.waiting import Awaited, until_gone
from krt.errors import ClusterError, NotThere


class Pruning:
    """The deletions of one run. `gone` are the objects that leave the inventory, deleted or not."""

    def __init__(
        self, run: Run, entries: Iterable[InventoryEntry], *, extent: Extent, own_namespace: str, is_dry_run: bool
    ) -> None:
        self.gone: set[ObjectKey] = set()
        self._run, self._extent, self._own_namespace, self._is_dry_run = run, extent, own_namespace, is_dry_run
        self._entries = {entry.key: entry for entry in entries}
        self._leaving: list[Awaited] = []

    async def prune(self) -> None:
        """Delete them. An object that cannot be deleted is failed in the report.

        The other objects of its stage are deleted all the same, but no later stage begins.
        """
        self._run.progress.expect(self._entries, Action.DELETE)
        for stage in in_deletion_order(self._entries):
            self._leaving = []
            await each(stage, self._prune)
            await until_gone(self._run.transport, self._run.progress, self._leaving, self._run.progress.tell)
            self.gone |= {awaited.key for awaited in self._leaving if self._is_deleted(awaited.key)}
            if self._run.progress.has_failed():
                self._run.progress.skip_unbegun("not deleted, because an object before it has failed")
                return

    def _is_deleted(self, key: ObjectKey) -> bool:
        return self._run.progress.is_ready(key, Action.DELETE)

    async def _prune(self, key: ObjectKey) -> bool:
        say = partial(self._run.progress.say, key, Action.DELETE)
        try:
            await patiently(partial(self._settle, key), partial(say, TargetState.PROGRESSING))
        except ClusterError as error:
            say(TargetState.FAILED, str(error))
        return True

    async def _settle(self, key: ObjectKey) -> None:
        say = partial(self._run.progress.say, key, Action.DELETE)
        resource, live = await self._read(key)
        match await self._fate(key, live):
            case Delete(uid=uid) if resource and live:
                await self._delete(key, resource, live, uid)
            case Keep(reason=reason):
                say(TargetState.SKIPPED, reason)
            case Leave(reason=reason):
                self.gone.add(key)
                say(TargetState.SKIPPED, reason or "it is gone already")

    async def _read(self, key: ObjectKey) -> tuple[Resource | None, Body | None]:
        try:
            resource = await self._run.discovery.find(key.group, key.kind)
            return resource, await objects.read(self._run.transport, resource, key)
        except NotThere:  # the object, or its kind
            return None, None

    async def _fate(self, key: ObjectKey, live: Body | None) -> Fate:
        entry = self._entries[key]
        fate = partial(fate_of, entry, live, self._run.owner, extent=self._extent, own_namespace=self._own_namespace)
        first = fate()
        if not isinstance(first, Delete) or self._extent is not Extent.ALL:
            return first
        return fate(foreign=await foreign_in(self._run, key, live or {}))

    async def _delete(self, key: ObjectKey, resource: Resource, live: Body, uid: str) -> None:
        progress, dry_run = self._run.progress, self._is_dry_run
        try:
            is_gone = await objects.delete(self._run.transport, resource, key, uid=uid, dry_run=dry_run)
        except PreconditionFailed:
            self.gone.add(key)
            progress.say(key, Action.DELETE, TargetState.SKIPPED, "somebody has made it anew")
            return
        except NotThere:
            is_gone = True
        if dry_run:
            progress.say(key, Action.DELETE, TargetState.PLANNED, change=ObjectChange.DELETED)
        elif is_gone:
            self.gone.add(key)
            progress.say(key, Action.DELETE, TargetState.READY, change=ObjectChange.DELETED)
        else:
            progress.say(key, Action.DELETE, TargetState.PROGRESSING)
            self._leaving.append(Awaited(key, resource, live))
