"""Puts the objects of an instance into its namespace. Pure."""

from collections.abc import Iterable, Iterator

from krt.core.bundle.tree import BundleInvalid
from krt.core.kube.builtin import BUILT_IN
from krt.core.kube.fields import mapping_at, text_at
from krt.core.kube.manifest import Manifest, read_manifest

_NAMESPACED = {(each.group, each.kind): each.namespaced for each in BUILT_IN}
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


def placed(manifests: Iterable[Manifest], namespace: str, *, may_stay: bool = False) -> tuple[Manifest, ...]:
    """The objects. One without a namespace gets this one, if its kind has namespaces.

    For a custom kind, the definition among the objects tells. If nothing tells, the object stays without a namespace
    if `may_stay`; else BundleInvalid is raised.
    """
    found = tuple(manifests)
    namespaced = _NAMESPACED | dict(_defined(found))
    others = dict.fromkeys(((each.group, each.kind) for each in found if may_stay), False)
    return tuple(_placed(each, namespace, others | namespaced) for each in found)


def _defined(manifests: Iterable[Manifest]) -> Iterator[tuple[tuple[str, str], bool]]:
    for each in manifests:
        if (each.group, each.kind) == _DEFINITION:
            kind = text_at(each.body, "spec", "group"), text_at(each.body, "spec", "names", "kind")
            yield kind, text_at(each.body, "spec", "scope") == "Namespaced"


def _placed(manifest: Manifest, namespace: str, namespaced: dict[tuple[str, str], bool]) -> Manifest:
    has_namespace = namespaced.get((manifest.group, manifest.kind))
    if manifest.namespace or has_namespace is False:
        return manifest
    if has_namespace is None:
        sentence = "krt does not know whether its kind has namespaces: write metadata.namespace, or add the definition"
        raise BundleInvalid(f"{manifest.key}: {sentence}")
    metadata = {**mapping_at(manifest.body, "metadata"), "namespace": namespace}
    return read_manifest({**manifest.body, "metadata": metadata})
