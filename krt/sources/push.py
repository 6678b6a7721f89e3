"""Pushes an image: its blobs, unless they are there, then its manifest, under a tag.

The calls are those of the OCI distribution specification: a POST that opens an upload, one PUT with the whole blob.
"""

from krt.core.bundle.pack import MANIFEST_TYPE, PackedImage
from krt.sources.errors import SourceRefused
from krt.sources.exchange import SourceAnswer
from krt.sources.reference import RegistryReference
from krt.sources.registry import Registry

_SCOPE = "pull,push"
_MOST_ANSWER = 64 * 1024


async def push(registry: Registry, reference: RegistryReference, image: PackedImage) -> None:
    """Put the image under the reference's tag. Raises SourceRefused, SourceDenied and SourceUnavailable."""
    for digest, blob in image.blobs.items():
        await _push_blob(registry, reference, digest, blob)
    answer = await registry.call(
        "PUT",
        f"manifests/{reference.tag}",
        most_bytes=_MOST_ANSWER,
        actions=_SCOPE,
        headers={"Content-Type": MANIFEST_TYPE},
        content=image.manifest,
    )
    if answer.status != 201:
        raise SourceRefused(_refusal(reference, "the manifest", answer))
    stored = answer.headers.get("Docker-Content-Digest", image.digest)
    if stored != image.digest:
        raise SourceRefused(f"{reference.host} has stored another manifest for {reference} than krt sent")


async def _push_blob(registry: Registry, reference: RegistryReference, digest: str, blob: bytes) -> None:
    known = await registry.call("HEAD", f"blobs/{digest}", most_bytes=0, actions=_SCOPE)
    if known.status == 200:
        return
    opened = await registry.call("POST", "blobs/uploads/", most_bytes=_MOST_ANSWER, actions=_SCOPE)
    if opened.status != 202 or not opened.location:
        raise SourceRefused(_refusal(reference, "an upload", opened))
    done = await registry.call(
        "PUT",
        registry.upload_url(opened, digest),
        most_bytes=_MOST_ANSWER,
        actions=_SCOPE,
        headers={"Content-Type": "application/octet-stream"},
        content=blob,
    )
    if done.status != 201:
        raise SourceRefused(_refusal(reference, "a part of the image", done))


def _refusal(reference: RegistryReference, what: str, answer: SourceAnswer) -> str:
    return f"{reference.host} does not take {what} for {reference} (status {answer.status})"
