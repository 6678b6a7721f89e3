"""Reads a tar archive of regular files and folders, within bounds. Pure.

Ours and not tarfile, whose reader ends silently at a damaged header, so a bundle would lose objects; which follows
negative sizes (CVE-2025-8194, in every Python before August 2025); and which has no bound for extended headers.

The formats are ustar and pax (POSIX.1-2017, pax, "ustar Interchange Format") and GNU's long names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from krt.core.bundle.tree import BundleInvalid

_BLOCK = 512
_MOST_HEADER = 1024 * 1024  # bytes of an extended header
_MOST_PATH = 4096
_DAMAGED = "a tar archive has a damaged header"
_OTHERS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}

ReadExactly = Callable[[int], bytes]  # the number of bytes -> these bytes, or fewer at the end


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A regular file with its content, or a folder with None. `path` is relative, without `.` and `..`."""

    path: str
    content: bytes | None = field(repr=False)


def read_tar(read: ReadExactly) -> Iterator[TarEntry]:
    """The entries in their order. Raises BundleInvalid, also for an entry that is no regular file or folder."""
    extended: dict[str, str] = {}
    broken = "an archive in it is not a tar"
    while (header := read(_BLOCK)).strip(b"\0"):
        _check(header, broken)
        broken = _DAMAGED
        kind, size = header[156:157], _size(header[124:136])
        if kind in {b"x", b"g", b"L", b"K"}:
            found = _extension(kind, _body(read, size, _MOST_HEADER))
            extended = {**extended, **found}
            continue
        yield from _entry(header, kind, extended, read)
        extended = {}
    _check_end(header, read)


def _entry(header: bytes, kind: bytes, extended: dict[str, str], read: ReadExactly) -> Iterator[TarEntry]:
    name = extended.get("path") or _name(header)
    path = _path(name)
    if kind in _OTHERS:
        raise BundleInvalid(f"{path} is {_OTHERS[kind]}: a bundle has regular files and folders only")
    if kind not in {b"0", b"\0", b"7", b"5"}:
        raise BundleInvalid(f"{path} is of a kind that krt does not know in a tar archive")
    size = _decimal(extended["size"]) if "size" in extended else _size(header[124:136])
    if kind == b"5" or name.endswith("/"):
        _body(read, size, 0)
        if path:
            yield TarEntry(path, None)
        return
    if not path:
        raise BundleInvalid("a file in a tar archive has no name")
    yield TarEntry(path, _body(read, size, None))


def _check(header: bytes, broken: str) -> None:
    if len(header) < _BLOCK:
        raise BundleInvalid(broken)
    unsigned = sum(header) - sum(header[148:156]) + 8 * 0x20
    signed = unsigned - 256 * sum(byte > 127 for byte in header[:148] + header[156:])  # of some old programs
    if _octal(header[148:156], broken) not in {unsigned, signed}:
        raise BundleInvalid(broken)


def _check_end(header: bytes, read: ReadExactly) -> None:
    """The archive ends with two blocks of zeros, which more may follow, or without any."""
    if header and (len(header) < _BLOCK or read(_BLOCK).strip(b"\0")):
        raise BundleInvalid("a tar archive has a damaged end")


def _body(read: ReadExactly, size: int, most: int | None) -> bytes:
    if most is not None and size > most:
        raise BundleInvalid("a tar archive has an extended header that is too large, or a folder with content")
    content = read(size)
    if len(content) < size:
        raise BundleInvalid("a tar archive ends in the middle of a file")
    read(-size % _BLOCK)
    return content


def _extension(kind: bytes, body: bytes) -> dict[str, str]:
    if kind == b"L":
        return {"path": _text(body.rstrip(b"\0"))}
    return _records(body) if kind == b"x" else {}  # a link's name, and records for all files: no file needs them


def _records(body: bytes) -> dict[str, str]:
    """The records `LENGTH NAME=VALUE` of a pax header that matter."""
    found: dict[str, str] = {}
    while body:
        length, blank, _ = body[:20].partition(b" ")
        size = _decimal(length.decode("ascii", "replace")) if blank else 0
        record, body = body[len(length) + 1 : size], body[size:]
        name, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not equals or not record.endswith(b"\n"):
            raise BundleInvalid("a tar archive has a damaged extended header")
        if name.startswith(b"GNU.sparse"):
            raise BundleInvalid("a tar archive has a sparse file: a bundle has regular files and folders only")
        if name in {b"path", b"size"}:
            found[name.decode()] = _text(value)
    return found


def _name(header: bytes) -> str:
    name, prefix = header[:100], header[345:500] if header[257:263] == b"ustar\0" else b""
    parts = (part.partition(b"\0")[0] for part in (prefix, name))
    return _text(b"/".join(filter(None, parts)))


def _path(name: str) -> str:
    if name.startswith("/"):
        raise BundleInvalid("a tar archive has an absolute path: a bundle's paths are relative")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise BundleInvalid("a tar archive has a path with ..: a bundle's files lie below its root")
    if len(name) > _MOST_PATH or not name.isprintable():
        raise BundleInvalid(f"a tar archive has a path that is not printable, or longer than {_MOST_PATH} characters")
    return "/".join(parts)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise BundleInvalid("a tar archive has a name that is not UTF-8") from None


def _size(fieldtext: bytes) -> int:
    """A size in octal digits, or, if the first bit is set, in base 256 (GNU)."""
    if fieldtext[0] == 0x80:
        return int.from_bytes(fieldtext[1:], "big")
    return _octal(fieldtext)


def _octal(digits: bytes, otherwise: str = _DAMAGED) -> int:
    text = digits.split(b"\0")[0].strip()
    if not set(text) <= set(b"01234567"):
        raise BundleInvalid(otherwise)
    return int(text or b"0", 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise BundleInvalid("a tar archive has a damaged extended header")
    return int(text)
