"""Reads how the objects of an instance are on a cluster now: those of its inventory. It only reads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from krt.cluster import objects
from krt.cluster.discovery import Discovery
from krt.cluster.transport import Transport
from krt.core.fleet.bundle import Instance
from krt.core.fleet.instance_owner import owner_of
from krt.core.kube.kstatus import status_of
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_status import ObjectState, ObjectStatus
from krt.delivery.asking import patiently
from krt.delivery.at_once import MOST_AT_ONCE, each
from krt.delivery.stored_inventory import StoredInventory
from krt.errors import NotThere


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """The objects of an instance, sorted by key; None for one that does not exist. `is_known`: it has an inventory."""

    is_known: bool
    objects: dict[ObjectKey, ObjectStatus | None]

    @property
    def is_current(self) -> bool:
        """Whether the instance is there, and each object is current."""
        return self.is_known and all(its and its.state is ObjectState.CURRENT for its in self.objects.values())


async def status_of_instance(transport: Transport, instance: Instance, tell: Callable[[str], None]) -> InstanceStatus:
    """The status of the instance. Raises ClusterError, and DeliveryRefused for an inventory that cannot be read.

    `tell` gets the reason of each repetition: the caller's cancel scope is the deadline.
    """
    inventory = StoredInventory(transport, owner_of(instance), instance.namespace)
    await patiently(inventory.load, tell)
    keys = [entry.key for entry in inventory.now.entries]
    found, discovery = dict[ObjectKey, ObjectStatus | None](), Discovery(transport)

    async def look(key: ObjectKey) -> bool:
        try:
            found[key] = await patiently(partial(_status, transport, discovery, key), tell)
        except NotThere:
            found[key] = None
        return True

    await each(keys, look, most=MOST_AT_ONCE)
    return InstanceStatus(inventory.exists, {key: found[key] for key in keys})


async def _status(transport: Transport, discovery: Discovery, key: ObjectKey) -> ObjectStatus:
    resource = await discovery.find(key.group, key.kind)
    return status_of(await objects.read(transport, resource, key))
