"""The files of a bundle, in memory. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_FILES = 10_000  # files and folders
MOST_BYTES = 64 * 1024 * 1024  # of all files together
FOLDERS = ("manifests", "metadata")  # what the formats plain+v0 and registry+v1 read


class BundleInvalid(ValueError):
    """krt does not take the files as a bundle. The message is one sentence without content, which names the file."""


@dataclass(frozen=True, slots=True)
class FileTree:
    """Files by path, such as `manifests/web.yaml`: relative, with slashes, without `.` and `..`.

    `folders` has at least the folders that are empty. The repr leaves out contents, because they may be Secrets.
    """

    files: Mapping[str, bytes] = field(repr=False)
    folders: frozenset[str] = frozenset()

    def has_folder(self, path: str) -> bool:
        """Whether there is such a folder, empty or not."""
        return path in self.folders or any(name.startswith(f"{path}/") for name in self.files)

    def names_in(self, folder: str) -> tuple[str, ...]:
        """The names directly in a folder, sorted."""
        return tuple(sorted({path.partition("/")[0] for path in self._below(folder)}))

    def is_folder(self, path: str) -> bool:
        """Whether the path is a folder and not a file."""
        return path not in self.files and self.has_folder(path)

    def of_bundle(self) -> "FileTree":
        """What is in FOLDERS. The rest of an image may be a whole system, which nobody reads."""
        files = {path: content for path, content in self.files.items() if path.partition("/")[0] in FOLDERS}
        return FileTree(files, frozenset(path for path in self.folders if path.partition("/")[0] in FOLDERS))

    def _below(self, folder: str) -> Iterator[str]:
        start = f"{folder}/"
        return (path.removeprefix(start) for path in (*self.files, *self.folders) if path.startswith(start))
