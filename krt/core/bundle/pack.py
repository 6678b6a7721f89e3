"""A plain bundle as a container image: the same bytes for the same files, on every machine. Pure.

The layer is a tar archive without compression: the output of gzip depends on the version of zlib, and so would the
digest. For the same reason owner, mode and time are the same for all files.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class PackedImage:
    """An image: its manifest, the manifest's digest, and the blobs that the manifest names, by digest."""

    manifest: bytes = field(repr=False)
    blobs: Mapping[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest by which the image can be pulled."""
        return digest_of(self.manifest)


def pack(files: Mapping[str, bytes]) -> PackedImage:
    """The image of these files, by path. Docker, containerd and Podman can pull it, too."""
    layer = _tar(files)
    # An image must name a platform; this one has no program that depends on it.
    platform = {"architecture": "amd64", "os": "linux"}
    config = _json({**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]}})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(_CONFIG_TYPE, config),
        "layers": [_descriptor(_LAYER_TYPE, layer)],
    }
    return PackedImage(_json(manifest), {digest_of(blob): blob for blob in (layer, config)})


def digest_of(content: bytes) -> str:
    """The digest as OCI writes it: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _tar(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(files[path]), _MODE
            archive.addfile(entry, io.BytesIO(files[path]))
    return made.getvalue()
