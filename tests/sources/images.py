"""Images for tests: tar archives, layers, manifests, as a publisher or an attacker makes them."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence

from krt.core.bundle.pack import MANIFEST_TYPE, digest_of

CONFIG = b"{}"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
WEB = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"


def gzipped(content: bytes) -> bytes:
    """As gzip, without the time: it would be in the names of tests, and each worker of pytest-xdist has its own."""
    return gzip.compress(content, mtime=0)


def tar_of(*entries: tuple[str, bytes | None] | tarfile.TarInfo, archive_format: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of files by path; a path with None is a folder, a TarInfo goes in as it is."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=archive_format) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            path, content = entry
            info = tarfile.TarInfo(path)
            info.type, info.size = (tarfile.DIRTYPE, 0) if content is None else (tarfile.REGTYPE, len(content))
            archive.addfile(info, io.BytesIO(content or b""))
    return made.getvalue()


def special(path: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A link, device or the like."""
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return info


def descriptor(content: bytes, media_type: str = LAYER_TYPE, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def manifest_of(of_layers: Sequence[bytes], *, config_type: str = CONFIG_TYPE, **more: object) -> bytes:
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": descriptor(CONFIG, config_type), **more}
    return json.dumps({"layers": [descriptor(layer) for layer in of_layers], **document}).encode()


def index_of(*images: Mapping[str, object]) -> bytes:
    media_type = "application/vnd.oci.image.index.v1+json"
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": images}).encode()


def a_layer(**files: bytes) -> bytes:
    """A gzip layer of files in `manifests`; `_` stands for a dot."""
    return gzipped(tar_of(*((f"manifests/{name.replace('_', '.')}", content) for name, content in files.items())))
