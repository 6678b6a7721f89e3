"""The objects that an owner has put on a cluster: exact names and uids, as bytes in a Secret. Pure.

krt writes an inventory before it applies the first object: the union of the earlier objects and of the wanted ones.
The inventory shrinks only after pruning. So krt forgets none of its objects, wherever a run is interrupted.
"""

import gzip
import re
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from krt.core.delivery.ownership import Owner
from krt.core.kube.object_key import ObjectKey

MOST_ENTRIES = 10_000  # two bundles of 5,000 objects: the earlier one and the wanted one
_PLAIN_BYTES = 64 * 1024  # a longer text is packed
_MOST_PACKED = 1024 * 1024  # the size of a Secret
_MOST_BYTES = MOST_ENTRIES * 1024  # unpacked: names of 253 characters, in every field, leave room
_GZIP = b"\x1f\x8b"
_READABLE_CHARACTERS = 40


class InventoryUnreadable(ValueError):
    """The bytes are not an inventory that krt wrote. The text of the error is a clause that says why.

    If krt took such bytes for an empty inventory, objects would be left behind for ever.
    """


class InventoryEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object. `uid` is "" until krt has applied the object. `created` is true if krt has created the object.

    `checksum` is that of the manifest that krt has applied, "" until then. `applied` is the RFC 3339 time that the API
    server noted for krt's fields of the object: an apply that changes nothing leaves it as it is. `fields` is the
    digest of the fields that krt owned after its apply (`owned_fields`). `complete` is the version of the manifest with
    which a Job was complete, "" if none was.
    """

    group: str = ""
    kind: str
    namespace: str = ""
    name: str
    uid: str = ""
    created: bool = False
    checksum: str = ""
    applied: str = ""
    fields: str = ""
    complete: str = ""

    @property
    def key(self) -> ObjectKey:
        """The key of the object."""
        return ObjectKey(self.group, self.kind, self.namespace, self.name)


def entry_of(key: ObjectKey, uid: str = "", *, created: bool = False) -> InventoryEntry:
    """The entry of the object with this key."""
    return InventoryEntry(
        group=key.group, kind=key.kind, namespace=key.namespace, name=key.name, uid=uid, created=created
    )


@dataclass(frozen=True, slots=True)
class Inventory:
    """The objects of one owner: one entry for each key, sorted by key."""

    entries: tuple[InventoryEntry, ...] = ()

    def with_entries(self, entries: Iterable[InventoryEntry]) -> "Inventory":
        """The union with newer entries. `created` stays true unless the uids show that the object is another one."""
        found = {entry.key: entry for entry in self.entries}
        for entry in entries:
            found[entry.key] = _merged(found.get(entry.key), entry)
        return _sorted(found.values())

    def without(self, keys: Collection[ObjectKey]) -> "Inventory":
        """The inventory without these objects: they are gone, or another owner has them."""
        return _sorted(entry for entry in self.entries if entry.key not in keys)

    def beside(self, wanted: Collection[ObjectKey]) -> tuple[InventoryEntry, ...]:
        """The entries of the objects that are no longer wanted: `pruning.fate_of` judges each of them."""
        return tuple(entry for entry in self.entries if entry.key not in wanted)


def to_bytes(inventory: Inventory) -> bytes:
    """A JSON list, as gzip above 64 KiB. Equal inventories give equal bytes, so applying one again changes nothing."""
    text = msgspec.json.encode(inventory.entries)
    return text if len(text) <= _PLAIN_BYTES else gzip.compress(text, mtime=0)


def from_bytes(data: bytes) -> Inventory:
    """The inventory that `to_bytes` has spelled. Raises InventoryUnreadable."""
    try:
        entries = msgspec.json.decode(_unpacked(data), type=list[InventoryEntry])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, zlib.error) as error:
        raise InventoryUnreadable("it is not a list of objects as krt writes it") from error
    if len(entries) > MOST_ENTRIES:
        raise InventoryUnreadable(f"it has {len(entries)} objects, and krt reads at most {MOST_ENTRIES}")
    found = {entry.key: entry for entry in entries}
    if len(found) != len(entries) or not all(entry.kind and entry.name for entry in entries):
        raise InventoryUnreadable("an object stands in it twice, or without a name")
    return _sorted(found.values())


def inventory_name(owner: Owner) -> str:
    """The name of the Secret that holds the owner's inventory."""
    shown = re.sub(r"[^a-z0-9]+", "-", owner.name.lower())[:_READABLE_CHARACTERS].strip("-")
    return f"krt.inventory.{f'{shown}-' if shown else ''}{owner.id[:8]}"


def _merged(old: InventoryEntry | None, new: InventoryEntry) -> InventoryEntry:
    if old is None or (old.uid and new.uid and old.uid != new.uid):
        return new
    return msgspec.structs.replace(new, uid=new.uid or old.uid, created=old.created or new.created)


def _sorted(entries: Iterable[InventoryEntry]) -> Inventory:
    return Inventory(tuple(sorted(entries, key=lambda entry: entry.key)))


def _unpacked(data: bytes) -> bytes:
    if len(data) > _MOST_PACKED:
        raise InventoryUnreadable(f"it is longer than {_MOST_PACKED} bytes")
    if not data.startswith(_GZIP):
        return data
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    text = unpacker.decompress(data, _MOST_BYTES + 1)
    if len(text) > _MOST_BYTES or not unpacker.eof or unpacker.unused_data:
        raise InventoryUnreadable(f"it unpacks to more than {_MOST_BYTES} bytes, or not to one whole text")
    return text
