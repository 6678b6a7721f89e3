"""The files of a commit: only the folders that a bundle's format reads. Pure.

No filter or `.gitattributes` applies, and no submodule or link is followed: the bytes are those of the blobs.
"""

import re
from collections.abc import Iterator, Mapping

from dulwich.errors import ObjectFormatException
from dulwich.objects import parse_tree

from krt.core.bundle.tree import FOLDERS, MOST_BYTES, MOST_FILES, BundleInvalid, FileTree
from krt.sources.git_pack import BLOB, COMMIT, TAG, TREE, GitObject

_MOST_TAGS = 20  # tags of tags
_MOST_PATH = 4096
_SHA_BYTES = 20
_FOLDER, _LINK, _SUBMODULE = 0o040000, 0o120000, 0o160000
_KIND = 0o170000
_TREE_LINE = re.compile(rb"tree ([0-9a-f]{40})\n")
_TAG_LINE = re.compile(rb"object ([0-9a-f]{40})\n")
_OTHERS = {_LINK: "a symbolic link", _SUBMODULE: "a submodule"}

Objects = Mapping[str, GitObject]


def commit_of(objects: Objects, name: str) -> str:
    """The commit to which the name of a commit or of a tag leads. Raises BundleInvalid."""
    for _ in range(_MOST_TAGS):
        found = _object(objects, name)
        if found.kind == COMMIT:
            return name
        target = _TAG_LINE.match(found.content) if found.kind == TAG else None
        if target is None:
            break
        name = target[1].decode()
    raise BundleInvalid("the tag leads to no commit")


def files_of(objects: Objects, commit: str, directory: str) -> FileTree:
    """The bundle's files in `directory`, "" for the root. Raises BundleInvalid."""
    line = _TREE_LINE.match(_object(objects, commit).content)
    if line is None:
        raise BundleInvalid("the commit has no tree")
    root = line[1].decode()
    for part in filter(None, directory.split("/")):
        mode, root = _entries(objects, root).get(part, (0, ""))
        if mode != _FOLDER:
            raise BundleInvalid(f"the repository has no folder {directory} at this commit")
    return _walked(objects, {name: entry for name, entry in _entries(objects, root).items() if name in FOLDERS})


def _walked(objects: Objects, roots: Mapping[str, tuple[int, str]]) -> FileTree:
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    left = MOST_BYTES
    for path, content in _below(objects, roots):
        if len(files) + len(folders) == MOST_FILES:
            raise BundleInvalid(f"the bundle has more than {MOST_FILES} files")
        if content is None:
            folders.add(path)
        else:
            files[path] = content
            left -= len(content)
        if left < 0:
            raise BundleInvalid(f"the bundle has more than {MOST_BYTES // 1024 // 1024} MiB")
    return FileTree(files, frozenset(folders))


def _below(objects: Objects, roots: Mapping[str, tuple[int, str]]) -> Iterator[tuple[str, bytes | None]]:
    """Every path with its content, None for a folder. A generator: trees that share subtrees can mean endless files."""
    waiting = sorted(roots.items(), reverse=True)
    while waiting:
        path, (mode, name) = waiting.pop()
        if len(path) > _MOST_PATH:
            raise BundleInvalid(f"the repository has a path of more than {_MOST_PATH} characters")
        if mode & _KIND in _OTHERS:
            raise BundleInvalid(f"{path} is {_OTHERS[mode & _KIND]}: a bundle has regular files and folders only")
        if mode & _KIND == _FOLDER:
            yield path, None
            below = _entries(objects, name)
            waiting += [(f"{path}/{part}", entry) for part, entry in sorted(below.items(), reverse=True)]
        else:
            yield path, _object(objects, name, BLOB).content


def _entries(objects: Objects, tree: str) -> dict[str, tuple[int, str]]:
    """The mode and the object of each name in a tree."""
    found: dict[str, tuple[int, str]] = {}
    try:
        for raw, mode, name in parse_tree(_object(objects, tree, TREE).content, _SHA_BYTES):
            part = raw.decode()
            if part in {"", ".", ".."} or "/" in part or not part.isprintable() or part in found:
                raise BundleInvalid("the repository has a name that krt accepts for no file")
            found[part] = (mode, name.decode())
    except (ObjectFormatException, UnicodeDecodeError):
        raise BundleInvalid("the repository has a name that krt accepts for no file") from None
    except ValueError as error:
        if isinstance(error, BundleInvalid):
            raise
        raise BundleInvalid("the repository has a damaged tree") from None
    return found


def _object(objects: Objects, name: str, kind: int = 0) -> GitObject:
    found = objects.get(name)
    if found is None or (kind and found.kind != kind):
        raise BundleInvalid("the git server has not sent all objects of the commit")
    return found
