"""The files of an image: its layers, read in memory and laid over one another. Pure.

The rules are those of the OCI image specification, layer.md: a whiteout `.wh.NAME` removes NAME, and `.wh..wh..opq` in
a folder removes everything that lower layers have in it.
"""

from collections.abc import Iterable

from krt.core.bundle.tree import MOST_BYTES, MOST_FILES, BundleInvalid, FileTree
from krt.sources.decompress import LayerReader
from krt.sources.tar_reader import TarEntry, read_tar

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


def tree_of(layers: Iterable[bytes]) -> FileTree:
    """The files of the layers, the lowest layer first. Raises BundleInvalid. Blocks: call it in a thread."""
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    left, entries = MOST_BYTES, MOST_FILES
    for layer in layers:
        reader = LayerReader(layer, left)
        found = _entries(reader, entries)
        reader.drain()
        left, entries = reader.left, entries - len(found)
        _remove(files, folders, found)
        _add(files, folders, found)
    return FileTree(files, frozenset(folders))


def _entries(reader: LayerReader, most: int) -> list[TarEntry]:
    found: list[TarEntry] = []
    for entry in read_tar(reader.read):
        if len(found) == most:
            raise BundleInvalid(f"it has more than {MOST_FILES} files")
        found.append(entry)
    return found


def _remove(files: dict[str, bytes], folders: set[str], found: Iterable[TarEntry]) -> None:
    for entry in found:
        folder, name = _split(entry.path)
        if name == _OPAQUE:
            _drop(files, folders, folder, itself=False)
        elif name.startswith(_WHITEOUT):
            _drop(files, folders, f"{folder}{name.removeprefix(_WHITEOUT)}", itself=True)


def _add(files: dict[str, bytes], folders: set[str], found: Iterable[TarEntry]) -> None:
    for entry in found:
        if _split(entry.path)[1].startswith(_WHITEOUT):
            continue
        for folder in _above(entry.path):
            files.pop(folder, None)
            folders.add(folder)
        if entry.content is None:
            files.pop(entry.path, None)
            folders.add(entry.path)
        else:
            if entry.path in folders:
                _drop(files, folders, entry.path, itself=True)
            files[entry.path] = entry.content


def _drop(files: dict[str, bytes], folders: set[str], path: str, *, itself: bool) -> None:
    below = path if path.endswith("/") or not path else f"{path}/"
    gone = [name for name in (*files, *folders) if name.startswith(below) or (itself and name == path)]
    for name in gone:
        files.pop(name, None)
        folders.discard(name)


def _split(path: str) -> tuple[str, str]:
    """The folder with its slash, or "", and the name."""
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
