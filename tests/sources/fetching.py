"""Fetches as the controller does them, and a namespace that holds what a test put there."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from krt.core.rukpak.source import BundleSource
from krt.sources.access import StoredConfigMap
from krt.sources.errors import SourceRefused, SourceUnavailable
from krt.sources.fetch import Fetcher
from krt.sources.fetched import FetchedBundle
from krt.sources.way import Way
from tests.sources.pulling import NO_PROXIES


@dataclass
class Namespace:
    """Secrets and ConfigMaps by name. `read` are the names that were asked for."""

    secrets: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    config_maps: dict[str, StoredConfigMap] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    async def secret(self, name: str) -> Mapping[str, bytes]:
        self.read.append(name)
        if name not in self.secrets:
            raise SourceRefused(f"Secret {name} not found")
        return self.secrets[name]

    async def config_map(self, name: str) -> StoredConfigMap:
        self.read.append(name)
        if name not in self.config_maps:
            raise SourceRefused(f"ConfigMap {name} not found")
        return self.config_maps[name]


def a_fetcher(verify: ssl.SSLContext | None = None) -> Fetcher:
    return Fetcher(Way(verify or ssl.create_default_context(), NO_PROXIES))


async def fetched(source: BundleSource, pinned: str = "", access: Namespace | None = None) -> FetchedBundle:
    """By a fetcher that has fetched nothing before."""
    return await a_fetcher().fetch(source, pinned, access or Namespace())


async def refused(source: BundleSource, pinned: str = "", access: Namespace | None = None) -> str:
    """The sentence of the refusal."""
    return await _problem(SourceRefused, source, pinned, access)


async def unavailable(source: BundleSource, pinned: str = "", access: Namespace | None = None) -> str:
    """The sentence for a source that may answer later."""
    return await _problem(SourceUnavailable, source, pinned, access)


async def _problem(kind: type[Exception], source: BundleSource, pinned: str, access: Namespace | None) -> str:
    with pytest.raises(kind) as caught:
        await fetched(source, pinned, access)
    assert "\n" not in str(caught.value)
    return str(caught.value)
