"""Reads a registry's manifest: the layers of an image, or the image that an index means. Pure.

The forms are those of the OCI image specification (manifest.md, image-index.md) and of Docker's schema 2.
"""

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from krt.core.bundle.tree import MOST_BYTES
from krt.sources.errors import SourceRefused

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGE_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPTED = ", ".join((*INDEX_TYPES, *IMAGE_TYPES))

_MOST_LAYERS = 127
_VERSION = "org.opencontainers.image.version"  # OCI image specification, annotations.md
_MOST_IMAGES = 1000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_OTHERS = (  # beginnings of media types that are not images', and a name for each
    ("application/vnd.cncf.helm.", "a Helm chart"),
    ("application/vnd.dev.cosign.", "a signature of cosign"),
    ("application/vnd.dev.sigstore.", "a signature of Sigstore"),
    ("application/vnd.in-toto", "an attestation"),
    ("application/vnd.cncf.notary.", "a signature of Notary"),
    ("application/vnd.oci.empty.", "an artifact without an image's configuration"),
)


class Platform(msgspec.Struct, frozen=True):
    """The system for which an image of an index was made."""

    os: str = ""
    architecture: str = ""


class Descriptor(msgspec.Struct, rename="camel", frozen=True):
    """Names a blob or a manifest by its digest. `size` is in bytes."""

    digest: str
    size: int
    media_type: str = ""
    platform: Platform | None = None
    annotations: dict[str, str] = {}


class _Document(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    annotations: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Choice:
    """The image that an index means."""

    image: Descriptor


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of an image, the lowest first."""

    layers: tuple[Descriptor, ...]


def read_manifest_document(content: bytes) -> Choice | Layers:
    """The layers of an image, or the image that an index means. Raises SourceRefused with a clause about it."""
    document = _decoded(content)
    if document.manifests is not None:
        return Choice(_chosen(document.manifests))
    if document.layers is None or document.config is None:
        raise SourceRefused("its manifest is neither that of an image nor an index")
    _check_kind(document)
    return Layers(_checked(document.layers))


def version_of(content: bytes) -> str:
    """The version that the manifest gives itself, "" if it gives none. Raises SourceRefused with a clause about it."""
    return _decoded(content).annotations.get(_VERSION, "")


def _decoded(content: bytes) -> _Document:
    try:
        document = msgspec.json.decode(content, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SourceRefused("its manifest is not one of OCI or Docker") from None
    if document.schema_version != 2:
        raise SourceRefused(f"its manifest is of schema {document.schema_version}: push it again with a newer tool")
    return document


def _check_kind(document: _Document) -> None:
    assert document.config is not None
    assert document.layers is not None
    types = (document.config.media_type, document.artifact_type, *(layer.media_type for layer in document.layers))
    for media_type in types:
        for start, name in _OTHERS:
            if media_type.startswith(start):
                raise SourceRefused(f"it is {name}, not an image with a bundle")


def _checked(layers: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
    if not layers:
        raise SourceRefused("it has no layer, and so no files")
    if len(layers) > _MOST_LAYERS:
        raise SourceRefused(f"it has more than {_MOST_LAYERS} layers")
    for layer in layers:
        check_descriptor(layer)
    if sum(layer.size for layer in layers) > MOST_BYTES:
        raise SourceRefused(f"its layers have more than {MOST_BYTES // 1024 // 1024} MiB")
    return tuple(layers)


def check_descriptor(descriptor: Descriptor) -> None:
    """Raises SourceRefused if the digest is not a SHA-256, or the size is negative."""
    if not _DIGEST.fullmatch(descriptor.digest):
        raise SourceRefused("its manifest names content by another digest than sha256")
    if descriptor.size < 0:
        raise SourceRefused("its manifest names content of a negative size")


def _chosen(images: Sequence[Descriptor]) -> Descriptor:
    """The only image, else that of the own platform, else that of linux/amd64. Attestations are passed over."""
    if len(images) > _MOST_IMAGES:
        raise SourceRefused(f"its index names more than {_MOST_IMAGES} images")
    real = [image for image in images if _is_image(image)]
    for wanted in (own_platform(), Platform("linux", "amd64")):
        for image in real if len(real) > 1 else ():
            if image.platform == wanted:
                check_descriptor(image)
                return image
    if len(real) != 1:
        names = ", ".join(sorted({_name(image.platform) for image in real}))[:200] or "none"
        raise SourceRefused(f"its index has images for {names}, and none for {_name(own_platform())}")
    check_descriptor(real[0])
    return real[0]


def _is_image(image: Descriptor) -> bool:
    if image.media_type and image.media_type not in IMAGE_TYPES:
        return False
    is_unknown = image.platform is not None and "unknown" in {image.platform.os, image.platform.architecture}
    return not is_unknown and "vnd.docker.reference.type" not in image.annotations


def own_platform() -> Platform:
    """The platform of this machine, in OCI's names."""
    machine = platform.machine()
    return Platform("linux", _MACHINES.get(machine, machine))


def _name(wanted: Platform | None) -> str:
    return f"{wanted.os}/{wanted.architecture}" if wanted else "an unnamed platform"
