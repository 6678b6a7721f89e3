"""Reads a plain bundle from a folder of this machine. Blocks: call it in a thread, or before Trio runs."""

import os
import stat
from pathlib import Path

from krt.core.bundle.plain import FOLDER
from krt.core.bundle.tree import MOST_BYTES, MOST_FILES, BundleInvalid, FileTree
from krt.files import FileUnusable, read_file


def read_folder(root: Path) -> FileTree:
    """The files in the folder `manifests` of `root`, and its folders, which are not read; empty if it does not exist.

    Raises BundleInvalid, also for links: the target of a link may be another file tomorrow.
    """
    files: dict[str, bytes] = {}
    folders = {FOLDER}
    try:
        entries = sorted(os.scandir(root / FOLDER), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        _check_root(root)
        return FileTree({})
    except OSError as error:
        raise BundleInvalid(f"{root / FOLDER} cannot be read: {error.strerror}") from None
    if len(entries) > MOST_FILES:
        raise BundleInvalid(f"{root / FOLDER} has more than {MOST_FILES} files")
    for entry in entries:
        path = f"{FOLDER}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            folders.add(path)
        else:
            files[path] = _content(Path(entry.path), path, MOST_BYTES - sum(map(len, files.values())))
    return FileTree(files, frozenset(folders))


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise BundleInvalid(f"{root} is not a folder")


def _content(file: Path, path: str, left: int) -> bytes:
    if not path.isprintable():
        raise BundleInvalid(f"{path!a} is a name that krt does not pack: it is not printable")
    if stat.S_ISLNK(file.lstat().st_mode):
        raise BundleInvalid(f"{path} is a symbolic link: a bundle has regular files only")
    try:
        return read_file(file, most_bytes=left)
    except FileUnusable as error:
        too_large = f"the bundle has more than {MOST_BYTES // 1024 // 1024} MiB"
        raise BundleInvalid(f"{path}: {too_large if 'longer than' in error.reason else error.reason}") from None
