"""The objects of an instance whose module is a plain bundle: its manifests, in the instance's namespace. Pure."""

from collections.abc import Iterable, Iterator

from krt.core.bundle.plain import FOLDER, objects_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.fleet.bundle import Instance
from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.builtin import BUILT_IN
from krt.core.kube.fields import mapping_at, text_at
from krt.core.kube.manifest import Manifest, read_manifest

_CUE_FILE = ".cue"
_NAMESPACED = {(each.group, each.kind): each.namespaced for each in BUILT_IN}
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


def plain_objects(instance: Instance, tree: FileTree) -> tuple[Manifest, ...]:
    """The objects of the module's files for this instance. Raises FleetInvalid.

    An object without a namespace gets that of the instance, if its kind has namespaces. For a custom kind, the
    definition in the same module tells.
    """
    where = f"bundle.instances.{instance.name}: module oci://{instance.module.url}"
    if not tree.has_folder(FOLDER):
        is_cue = any(path.endswith(_CUE_FILE) for path in tree.files)
        what = "is a CUE module, which krt does not build yet" if is_cue else f"has no folder {FOLDER}"
        raise FleetInvalid(f"{where} {what}")
    if instance.values:
        raise FleetInvalid(f"{where} is a plain bundle, which takes no values: leave out values")
    try:
        found = objects_of(tree)
        return tuple(_placed(each, instance.namespace, _namespaced_by(found)) for each in found)
    except BundleInvalid as error:
        raise FleetInvalid(f"{where}: {error}") from None
    except _ScopeUnknown as error:
        raise FleetInvalid(f"{where}: {error}") from None


class _ScopeUnknown(ValueError):
    pass


def _namespaced_by(manifests: Iterable[Manifest]) -> dict[tuple[str, str], bool]:
    """For each built-in kind, and for each kind that these manifests define: whether it has namespaces."""
    return _NAMESPACED | dict(_defined(manifests))


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
        raise _ScopeUnknown(f"{manifest.key}: {sentence}")
    metadata = {**mapping_at(manifest.body, "metadata"), "namespace": namespace}
    return read_manifest({**manifest.body, "metadata": metadata})
