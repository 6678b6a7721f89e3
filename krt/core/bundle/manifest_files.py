"""Reads manifests from files: every document is an object, or a list of objects. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from krt.core.bundle.kube_yaml import YamlDocument, read_documents
from krt.core.bundle.tree import BundleInvalid
from krt.core.bundle.yaml_nodes import YamlInvalid
from krt.core.kube.manifest import Manifest, ManifestInvalid, read_manifest
from krt.core.kube.object_key import ObjectKey

MOST_OBJECTS = 5_000

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_MOST_NESTED = 8  # lists within lists
_GO_TYPES = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}


def manifests_of(files: Iterable[tuple[str, bytes]]) -> tuple[Manifest, ...]:
    """The objects of all files, each a path and its content, in their order.

    If an object stands there twice with the same content, it is taken once. Raises BundleInvalid if the contents
    differ, and if a file holds anything but objects.
    """
    found: dict[ObjectKey, tuple[str, Manifest]] = {}
    for path, content in files:
        for manifest in _in_file(path, content):
            _add(found, path, manifest)
    return tuple(manifest for _, manifest in found.values())


def manifests_of_values(lists: Iterable[tuple[str, Iterable[object]]]) -> tuple[tuple[Manifest, ...], ...]:
    """The objects of each list of decoded objects, each list with its name. Rules and errors as for `manifests_of`."""
    found: dict[ObjectKey, tuple[str, Manifest]] = {}
    for name, values in lists:
        for number, value in enumerate(values):
            for manifest in _objects(f"{name}[{number}]", value):
                _add(found, name, manifest)
    names = dict.fromkeys(name for name, _ in found.values())
    return tuple(tuple(manifest for of, manifest in found.values() if of == name) for name in names)


def _add(found: dict[ObjectKey, tuple[str, Manifest]], path: str, manifest: Manifest) -> None:
    before, known = found.setdefault(manifest.key, (path, manifest))
    if known.body != manifest.body:
        where = f"in {path}" if before == path else f"in {before} and in {path}"
        raise BundleInvalid(f"{manifest.key} stands twice, {where}, with different content")
    if len(found) > MOST_OBJECTS:
        raise BundleInvalid(f"{path}: the bundle has more than {MOST_OBJECTS} objects")


def _in_file(path: str, content: bytes) -> Iterator[Manifest]:
    if content.startswith(_LFS_POINTER):
        raise BundleInvalid(f"{path} is a Git LFS pointer and not the file itself: run `git lfs pull` first")
    try:
        for document in read_documents(content):
            yield from _in_document(path, document)
    except YamlInvalid as error:
        raise BundleInvalid(f"{path}: {error}") from None


def _in_document(path: str, document: YamlDocument) -> Iterator[Manifest]:
    return _objects(f"{path}, the document at line {document.line}", document.value)


def _objects(where: str, value: object) -> Iterator[Manifest]:
    try:
        for body in _flat(value, _MOST_NESTED):
            yield read_manifest(body)
    except ManifestInvalid as error:
        raise BundleInvalid(f"{where}: {error}{_in_go(value)}") from None


def _flat(body: object, levels: int) -> Iterator[object]:
    """The object, or the objects of a list: a kind that ends in List and has items."""
    kind = body.get("kind") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(kind, str) or not kind.endswith("List") or "items" not in body:
        yield body
        return
    items = body["items"]
    if not isinstance(items, list | None) or not levels:
        raise ManifestInvalid(f"its items are not a list, or are nested deeper than {_MOST_NESTED} lists")
    for item in items or ():
        yield from _flat(_completed(item, body, kind), levels - 1)


def _completed(item: object, of: Mapping[str, object], kind: str) -> object:
    """The item with its kind, which a typed list may leave out (k8s.io/apimachinery, unstructured/helpers.go)."""
    if not isinstance(item, Mapping) or item.get("kind") or kind == "List":
        return item
    return {"apiVersion": of.get("apiVersion"), "kind": kind.removesuffix("List"), **item}


def _in_go(value: object) -> str:
    """RukPak's sentence about a document that is not a mapping, for people who search for it; "" for a mapping."""
    name = _GO_TYPES.get(type(value))
    return f" (json: cannot unmarshal {name} into Go value)" if name else ""
