"""The objects of a git pack, in memory and within bounds. Blocks: call it in a thread.

dulwich decompresses and applies deltas. It trusts the sizes that a pack declares; they are looked at here first.
Format: git's Documentation/gitformat-pack.txt.
"""

import hashlib
import zlib
from dataclasses import dataclass, field

from dulwich.errors import ApplyDeltaError
from dulwich.pack import OFS_DELTA, REF_DELTA, UnpackedObject, apply_delta, unpack_object_at

from krt.core.bundle.tree import MOST_BYTES, BundleInvalid

MOST_OBJECTS = 100_000

COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
_NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}
_HEADER, _CHECKSUM = 12, 20
_MOST_BITS = 63  # of a size
_DAMAGED = "the git server sends a damaged pack"
_TOO_LARGE = f"the repository has more than {MOST_BYTES // 1024 // 1024} MiB at this commit"


@dataclass(frozen=True, slots=True)
class GitObject:
    """`kind` is COMMIT, TREE, BLOB or TAG."""

    kind: int
    content: bytes = field(repr=False)


def read_pack(pack: bytes) -> dict[str, GitObject]:
    """The objects by their names of 40 hexadecimal digits, which are computed here. Raises BundleInvalid."""
    digest = hashlib.sha1(memoryview(pack)[:-_CHECKSUM], usedforsecurity=False).digest()
    if digest != pack[-_CHECKSUM:] or pack[:8] not in {b"PACK\0\0\0\2", b"PACK\0\0\0\3"} or len(pack) < _HEADER:
        raise BundleInvalid(_DAMAGED)
    count = int.from_bytes(pack[8:_HEADER], "big")
    if count > MOST_OBJECTS:
        raise BundleInvalid(f"the repository has more than {MOST_OBJECTS} objects at this commit")
    try:
        return _PackReader(pack).read(count)
    except BundleInvalid:
        raise
    except (zlib.error, ApplyDeltaError, ValueError, IndexError, AssertionError):
        raise BundleInvalid(_DAMAGED) from None


class _PackReader:
    """Reads one pack. A delta names its base by its place in the pack, or by its name in 20 bytes."""

    def __init__(self, pack: bytes) -> None:
        self._pack = pack
        self._left = MOST_BYTES
        self._objects: dict[str, GitObject] = {}
        self._bases: dict[int | bytes, GitObject] = {}
        self._waiting: dict[int | bytes, list[tuple[int, bytes]]] = {}  # by base: place and delta

    def read(self, count: int) -> dict[str, GitObject]:
        at = _HEADER
        for _ in range(count):
            self._charge(_declared(self._pack, at, 4)[0])
            unpacked, end = unpack_object_at(self._pack, at, hashlib.sha1)
            self._take(at, unpacked)
            at = end
        if self._waiting or at != len(self._pack) - _CHECKSUM:
            raise BundleInvalid(_DAMAGED)
        return self._objects

    def _take(self, at: int, unpacked: UnpackedObject) -> None:
        content, base = b"".join(unpacked.decomp_chunks), unpacked.delta_base
        if unpacked.pack_type_num not in {OFS_DELTA, REF_DELTA}:
            self._add(at, GitObject(unpacked.pack_type_num, content))
            return
        key = at - base if isinstance(base, int) else bytes(base or b"")
        if found := self._bases.get(key):
            self._add(at, self._applied(found, content))
        else:
            self._waiting.setdefault(key, []).append((at, content))

    def _add(self, at: int, found: GitObject) -> None:
        """Add an object, then those that waited for it, and so on: no recursion, because a chain can be long."""
        added = [(at, found)]
        while added:
            at, found = added.pop()
            name = _name(found)
            self._objects[name.hex()] = found
            for key in (at, name):
                self._bases[key] = found
                added += [(place, self._applied(found, delta)) for place, delta in self._waiting.pop(key, ())]

    def _applied(self, base: GitObject, delta: bytes) -> GitObject:
        _, at = _declared(delta, 0, 7)
        self._charge(_declared(delta, at, 7)[0])
        return GitObject(base.kind, b"".join(apply_delta(base.content, delta)))

    def _charge(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BundleInvalid(_TOO_LARGE)


def _name(found: GitObject) -> bytes:
    if found.kind not in _NAMES:
        raise BundleInvalid(_DAMAGED)
    header = b"%s %d\0" % (_NAMES[found.kind], len(found.content))
    return hashlib.sha1(header + found.content, usedforsecurity=False).digest()


def _declared(content: bytes, at: int, first_bits: int) -> tuple[int, int]:
    """A size of variable length, whose first byte has `first_bits` bits of it, and the place after it."""
    size, bits = content[at] & ((1 << first_bits) - 1), first_bits
    while content[at] & 0x80:
        at += 1
        size |= (content[at] & 0x7F) << bits
        bits += 7
        if bits > _MOST_BITS:
            raise BundleInvalid(_DAMAGED)
    return size, at + 1
