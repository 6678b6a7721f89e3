"""ConfigMaps as the content of a Bundle: each key is a file. Their name is the digest of their files."""

from krt.core.bundle.pack import pack
from krt.core.bundle.tree import MOST_BYTES, MOST_FILES, FileTree
from krt.core.rukpak.source import ConfigMapItem, ConfigMapsSource
from krt.sources.access import SourceAccess
from krt.sources.errors import SourceRefused
from krt.sources.fetched import FetchedBundle

_MOST_PATH = 4096


async def fetch_config_maps(source: ConfigMapsSource, pinned: str, access: SourceAccess) -> FetchedBundle:
    """The files. `pinned` is `sha256:…`, or a `content_url`; "" takes the present files.

    Raises SourceRefused and SourceUnavailable. The sentences about paths and about changeable ConfigMaps are RukPak's
    (operator-framework/rukpak v0.12, internal/source/configmaps.go and internal/webhook/bundle.go).
    """
    files: dict[str, bytes] = {}
    owners: dict[str, str] = {}
    left = MOST_BYTES
    for position, item in enumerate(source.items):
        folder = _folder(position, item)
        data, is_immutable = await access.config_map(item.name)
        if not is_immutable:
            raise SourceRefused(f'configmap "{item.name}" is not immutable')
        for name, content in data.items():
            path = f"{folder}/{name}" if folder else name
            if owners.setdefault(path, item.name) != item.name:
                names = " ".join(sorted({owners[path], item.name}))
                raise SourceRefused(f'duplicate path "{path}" found in configmaps [{names}]')
            files[path] = content
            left -= len(content)
        if left < 0 or len(files) > MOST_FILES:
            raise SourceRefused(f"the ConfigMaps have more than {MOST_BYTES // 1024 // 1024} MiB or {MOST_FILES} files")
    return _fetched(source, files, pinned.rpartition("#")[2])


def _folder(position: int, item: ConfigMapItem) -> str:
    parts = [part for part in item.path.split("/") if part not in {"", "."}]
    if item.path.startswith("/") or ".." in parts or len(item.path) > _MOST_PATH or not item.path.isprintable():
        field = f"bundle.spec.source.configmaps[{position}].path"
        raise SourceRefused(f"{field} is invalid: {item.path[:100]!a} is outside bundle root")
    return "/".join(parts)


def _fetched(source: ConfigMapsSource, files: dict[str, bytes], wanted: str) -> FetchedBundle:
    digest = pack(files).digest
    names = ",".join(dict.fromkeys(item.name for item in source.items))
    if wanted and digest != wanted:
        raise SourceRefused(f"the configmaps {names} no longer have the content that was unpacked, {wanted}")
    return FetchedBundle(digest, f"configmaps:{names}#{digest}", FileTree(files))
