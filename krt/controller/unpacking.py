"""Unpacks a Bundle: fetches its content, reads the objects in it, and writes the Bundle's status."""

from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import trio

from krt.cluster.transport import Transport
from krt.controller.documents import Documents
from krt.controller.statuses import Now, wall_clock, write_status
from krt.core.bundle.plain import objects_of
from krt.core.bundle.registry import registry_objects_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.kube.manifest import Manifest
from krt.core.rukpak import bundle_status
from krt.core.rukpak.bundle import RukpakBundle
from krt.core.rukpak.names import REGISTRY
from krt.core.rukpak.source import BundleSource, SourceInvalid, read_source
from krt.errors import KrtError
from krt.sources.access import SourceAccess
from krt.sources.errors import SourceRefused, SourceUnavailable
from krt.sources.fetched import FetchedBundle


class Fetches(Protocol):
    """The sources."""

    async def fetch(self, source: BundleSource, pinned: str, access: SourceAccess) -> FetchedBundle:
        """As `krt.sources.fetch.Fetcher.fetch`."""
        ...


class UnpackFailed(KrtError):
    """The source has no such content, or none that is a bundle. No retry helps. The text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Content:
    """The objects of a bundle, and what names exactly this content."""

    resolved: str
    content_url: str
    manifests: tuple[Manifest, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unpacking:
    """`transport` writes the status of Bundles."""

    fetches: Fetches
    access: SourceAccess
    transport: Transport
    bundles: Documents[RukpakBundle]
    now: Now = wall_clock

    async def unpack(self, bundle: RukpakBundle, pinned: str) -> Content:
        """The content of the Bundle: exactly the one that `pinned` names, or what its source has now if that is "".

        Raises UnpackFailed and SourceUnavailable, once the Bundle's status says so.
        """
        known = bundle
        if not bundle_status.phase_of(bundle):
            known = await self._write(known, bundle_status.unpacking(known, self.now()))
        try:
            content = await self.read(bundle.source, bundle.provisioner, pinned)
        except UnpackFailed as error:
            await self._write(known, bundle_status.failing(known, str(error), self.now()))
            raise
        except SourceUnavailable as error:
            if bundle_status.phase_of(bundle) != bundle_status.Phase.UNPACKED:
                await self._write(known, bundle_status.pending(known, str(error), self.now()))
            raise
        status = bundle_status.unpacked(known, content.resolved, content.content_url, self.now())
        await self._write(known, status)
        return content

    async def read(self, source: object, provisioner: str, pinned: str) -> Content:
        """The content of a source, without a word to any status. Raises UnpackFailed and SourceUnavailable."""
        try:
            fetched = await self.fetches.fetch(read_source(source), pinned, self.access)
            manifests = await trio.to_thread.run_sync(partial(_objects_of, fetched.files, provisioner))
        except (SourceInvalid, SourceRefused, BundleInvalid) as error:
            raise UnpackFailed(str(error)) from error
        return Content(fetched.resolved, fetched.content_url, manifests)

    async def _write(self, known: RukpakBundle, status: dict[str, object]) -> RukpakBundle:
        return await write_status(self.transport, self.bundles, known, status)


def _objects_of(files: FileTree, provisioner: str) -> tuple[Manifest, ...]:
    return registry_objects_of(files) if provisioner == REGISTRY else objects_of(files)
