"""Pulls a bundle: a reference becomes a digest, and the files of the image in memory, every byte verified."""

from dataclasses import dataclass

import trio

from krt.core.bundle.pack import digest_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.sources.errors import SourceRefused
from krt.sources.image_manifest import ACCEPTED, Choice, Descriptor, Layers, read_manifest_document
from krt.sources.layers import tree_of
from krt.sources.reference import RegistryReference
from krt.sources.registry import Registry

MOST_MANIFEST_BYTES = 4 * 1024 * 1024  # a registry must take that much (distribution specification)


@dataclass(frozen=True, slots=True)
class PulledBundle:
    """The files of an image, and the digest of the manifest or index that the reference names."""

    digest: str
    tree: FileTree


async def resolve(registry: Registry, reference: RegistryReference) -> tuple[str, bytes]:
    """The digest that the reference has now, and the manifest. Raises as `Registry.call` does."""
    wanted = reference.digest or reference.tag
    answer = await registry.call(
        "GET", f"manifests/{wanted}", most_bytes=MOST_MANIFEST_BYTES, headers={"Accept": ACCEPTED}
    )
    if answer.status != 200:
        raise SourceRefused(_absent(reference, answer.status))
    digest = digest_of(answer.body)
    if reference.digest and digest != reference.digest:
        raise SourceRefused(f"{reference.host} sends another manifest for {reference} than its digest says")
    return digest, answer.body


async def pull(registry: Registry, reference: RegistryReference) -> PulledBundle:
    """The files of the image. Raises SourceRefused, SourceDenied and SourceUnavailable."""
    digest, manifest = await resolve(registry, reference)
    return PulledBundle(digest, await read_image(registry, reference, manifest))


async def read_image(registry: Registry, reference: RegistryReference, manifest: bytes) -> FileTree:
    """The files of the image that the manifest of the reference means. Raises as `pull` does."""
    try:
        layers = await _layers(registry, reference, manifest)
        blobs = [await _blob(registry, reference, layer) for layer in layers.layers]
        return await trio.to_thread.run_sync(tree_of, blobs)
    except BundleInvalid as error:
        raise SourceRefused(f"{reference}: {error}") from None


async def _layers(registry: Registry, reference: RegistryReference, manifest: bytes) -> Layers:
    found = _read(reference, manifest)
    if isinstance(found, Layers):
        return found
    chosen = RegistryReference(reference.host, reference.path, "", found.image.digest)
    _, manifest = await resolve(registry, chosen)
    found = _read(reference, manifest)
    if isinstance(found, Choice):
        raise SourceRefused(f"{reference}: its index names another index")
    return found


def _read(reference: RegistryReference, manifest: bytes) -> Choice | Layers:
    try:
        return read_manifest_document(manifest)
    except SourceRefused as error:
        raise SourceRefused(f"{reference}: {error}") from None


async def _blob(registry: Registry, reference: RegistryReference, layer: Descriptor) -> bytes:
    answer = await registry.call("GET", f"blobs/{layer.digest}", most_bytes=layer.size)
    if answer.status != 200:
        raise SourceRefused(f"{reference.host} does not have {layer.digest} of {reference} (status {answer.status})")
    if digest_of(answer.body) != layer.digest:
        raise SourceRefused(f"{reference.host} sends other bytes for {layer.digest} of {reference} than it says")
    return answer.body


def _absent(reference: RegistryReference, status: int) -> str:
    if status == 404:
        return f"{reference.host} has no {reference} (status 404)"
    return f"{reference.host} answers with status {status} for {reference}"
