"""Keeps fetched bundles in memory, 64 MiB at most: the one that was used longest ago is forgotten first."""

from krt.core.bundle.tree import FileTree
from krt.sources.fetched import FetchedBundle

MOST_BYTES = 64 * 1024 * 1024
_BYTES_OF_AN_ENTRY = 128  # of Python for a path and a content, in addition to their own; measured: about 95


class BundleCache:
    """Keeps bundles by `content_url`, which names the digest: one key never has two contents."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bundles: dict[str, FetchedBundle] = {}  # the one used last is the last one
        self._bytes = 0

    def get(self, content_url: str) -> FetchedBundle | None:
        """The bundle, which then counts as used."""
        found = self._bundles.pop(content_url, None)
        if found:
            self._bundles[content_url] = found
        return found

    def put(self, bundle: FetchedBundle) -> None:
        """Keep a bundle, and forget others if there is no room. One that is larger than the cache is not kept."""
        size = size_of(bundle.files)
        if self.get(bundle.content_url) or size > self._most_bytes:
            return
        while self._bytes + size > self._most_bytes:
            self._forget(next(iter(self._bundles)))
        self._bundles[bundle.content_url] = bundle
        self._bytes += size

    def _forget(self, content_url: str) -> None:
        self._bytes -= size_of(self._bundles.pop(content_url).files)


def size_of(files: FileTree) -> int:
    """The bytes that files take in memory, about."""
    content = sum(len(path) + len(content) for path, content in files.files.items())
    paths = sum(map(len, files.folders))
    return content + paths + _BYTES_OF_AN_ENTRY * (len(files.files) + len(files.folders))
