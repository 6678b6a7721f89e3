"""Fetches the content of a Bundle, whatever its source: the port of the controller."""

from collections.abc import Awaitable, Callable

import trio

from krt.core.rukpak.source import BundleSource, ConfigMapsSource, GitSource, HttpSource, ImageSource
from krt.sources.access import SourceAccess
from krt.sources.cache import BundleCache
from krt.sources.config_maps import fetch_config_maps
from krt.sources.errors import SourceDenied, SourceRefused
from krt.sources.fetched import FetchedBundle
from krt.sources.http_source import fetch_archive
from krt.sources.image_source import fetch_image
from krt.sources.way import Way

FetchGit = Callable[[GitSource, str, SourceAccess, Way, BundleCache], Awaitable[FetchedBundle]]


class Fetcher:
    """Fetches bundles, and keeps them in memory within a bound. A kept bundle is returned at once."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._cache = BundleCache()

    async def fetch(self, source: BundleSource, pinned: str, access: SourceAccess) -> FetchedBundle:
        """The files of the source.

        `pinned` is the earlier `FetchedBundle.resolved`, or only its digest or commit: exactly that content is fetched,
        whatever tag or branch the source names. "" takes the present content of the source.

        Raises SourceRefused, whose sentence is for the Bundle's condition, and SourceUnavailable, if a retry may help:
        not before its `retry_after_seconds`.
        """
        try:
            found = await self._fetched(source, pinned, access)
        except SourceDenied as error:
            raise SourceRefused(str(error)) from None
        if not isinstance(source, ConfigMapsSource):  # they are read from the cluster each time, as Secrets are
            self._cache.put(found)
        return found

    async def _fetched(self, source: BundleSource, pinned: str, access: SourceAccess) -> FetchedBundle:
        if isinstance(source, ImageSource):
            return await fetch_image(source, pinned, access, self._way, self._cache)
        if isinstance(source, GitSource):
            fetch_git = await trio.to_thread.run_sync(_loaded)
            return await fetch_git(source, pinned, access, self._way, self._cache)
        if isinstance(source, HttpSource):
            return await fetch_archive(source, pinned, access, self._way, self._cache)
        return await fetch_config_maps(source, pinned, access)


def _loaded() -> FetchGit:
    """The function that fetches git, imported when a source needs it: dulwich takes 13 MB and half a second."""
    from krt.sources.git_source import fetch_git

    return fetch_git
