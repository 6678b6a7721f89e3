"""The inventory as a Secret: read once, and written only by the run that has read its newest version."""

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from krt.cluster import objects
from krt.cluster.transport import Transport
from krt.core.delivery.inventory import Inventory, InventoryUnreadable, from_bytes, inventory_name, to_bytes
from krt.core.delivery.ownership import OWNED_BY, OWNER, Owner
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import text_at, texts_at
from krt.delivery.errors import DeliveryFailed, DeliveryRefused
from krt.errors import Conflict, NotThere

_KEY = "inventory"
_ANOTHER_RUN = "another run for the same owner is writing: try again when it has ended"


class StoredInventory:
    """The inventory of one owner. `now` is as it was last read or written.

    `labels` and `annotations` are written onto the Secret, beside krt's own.
    """

    def __init__(
        self,
        transport: Transport,
        owner: Owner,
        namespace: str,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self.now = Inventory()
        self._labels, self._annotations = dict(labels or {}), dict(annotations or {})
        self._is_noted = False  # the Secret has these labels and annotations
        self._transport = transport
        self._owner = owner
        self._key = SECRET.key(namespace, inventory_name(owner))
        self._version = ""  # the resource version; "" if the Secret does not exist
        self._uid = ""

    @property
    def exists(self) -> bool:
        """Whether there is such a Secret."""
        return bool(self._version)

    async def load(self) -> None:
        """Read the inventory. Raises NotDelivered if it cannot be understood, and the errors of `objects.read`."""
        try:
            body = await objects.read(self._transport, SECRET, self._key)
        except NotThere:
            return
        self._note(body)
        try:
            self.now = from_bytes(base64.b64decode(text_at(body, "data", _KEY), validate=True))
        except (InventoryUnreadable, binascii.Error) as error:
            sentence = f"the inventory, {self._key}, cannot be read: {error}; restore it, or delete it by hand"
            raise DeliveryRefused(sentence) from error

    async def save(self, inventory: Inventory) -> None:
        """Write the inventory, unless it is as it was. Raises NotDelivered if another run has written meanwhile."""
        if self.exists and inventory == self.now and self._is_noted:
            return
        if not self.exists and not inventory.entries:
            return
        data = {_KEY: base64.b64encode(to_bytes(inventory)).decode()}
        manager = self._owner.field_manager
        try:
            if self.exists:
                notes = {"labels": self._labels, "annotations": self._annotations}
                fields = {"metadata": {"resourceVersion": self._version, **notes}, "data": data}
                body = await objects.merge(self._transport, SECRET, self._key, fields, manager=manager)
            else:
                body = await objects.create(self._transport, SECRET, self._key, self._new(data), manager=manager)
        except Conflict as error:
            await self.load()  # a write whose answer was lost looks like this, too
            if self.now != inventory:
                raise DeliveryFailed(_ANOTHER_RUN) from error
            return
        self._note(body)
        self.now = inventory

    async def delete(self) -> None:
        """Delete the Secret, if there is one. The caller has seen that nothing is left in it."""
        if not self.exists:
            return
        with suppress(NotThere):  # it went with its namespace
            await objects.delete(self._transport, SECRET, self._key, uid=self._uid)
        self._version = ""

    def _note(self, body: dict[str, Any]) -> None:
        self._version, self._uid = text_at(body, "metadata", "resourceVersion"), text_at(body, "metadata", "uid")
        labels, annotations = texts_at(body, "metadata", "labels"), texts_at(body, "metadata", "annotations")
        self._is_noted = self._labels.items() <= labels.items() and self._annotations.items() <= annotations.items()

    def _new(self, data: dict[str, str]) -> dict[str, Any]:
        metadata = {
            "namespace": self._key.namespace,
            "name": self._key.name,
            "labels": {**self._labels, OWNER: self._owner.id},
            "annotations": {**self._annotations, OWNED_BY: str(self._owner)},
        }
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "krt/inventory", "data": data}
