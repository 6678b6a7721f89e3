"""The bundle format registry+v1 of Operator Lifecycle Manager: a ClusterServiceVersion with its other objects. Pure.

The rules, and the sentences of refusals, are RukPak's (operator-framework/rukpak v0.12,
internal/convert/registryv1.go). The table of kinds is that of operator-framework/operator-registry,
pkg/lib/bundle/supported_resources.go.
"""

from collections.abc import Iterable, Iterator

from krt.core.bundle.kube_yaml import read_documents
from krt.core.bundle.manifest_files import MOST_OBJECTS
from krt.core.bundle.operator_objects import operator_objects
from krt.core.bundle.plain import objects_in_folder
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.bundle.yaml_nodes import YamlInvalid
from krt.core.kube.fields import field_at, items_at, mapping_at, text_at, texts_at
from krt.core.kube.manifest import Manifest, ManifestInvalid, read_manifest
from krt.core.kube.object_key import ObjectKey

ANNOTATIONS = "metadata/annotations.yaml"

_PREFIX = "convert registry+v1 bundle to plain+v0 bundle: "
_PACKAGE = "operators.operatorframework.io.bundle.package.v1"
_SUGGESTED = "operatorframework.io/suggested-namespace"
_OPERATOR, _DEFINITION = "ClusterServiceVersion", "CustomResourceDefinition"
_NAMESPACED = {  # the kinds that a bundle may have besides the two above
    "ClusterRole": False,
    "ClusterRoleBinding": False,
    "ConfigMap": True,
    "ConsoleYAMLSample": False,
    "PodDisruptionBudget": True,
    "PriorityClass": False,
    "PrometheusRule": True,
    "Role": True,
    "RoleBinding": True,
    "Secret": True,
    "Service": True,
    "ServiceAccount": True,
    "ServiceMonitor": True,
    "VerticalPodAutoscaler": True,  # RukPak's table says no, and the API server says yes
}


def registry_objects_of(tree: FileTree, install_namespace: str = "") -> tuple[Manifest, ...]:
    """The objects that install the operator for all namespaces. Raises BundleInvalid.

    If `install_namespace` is "", the operator runs in the namespace that the ClusterServiceVersion suggests. If it
    suggests none, this is `<package>-system`.
    """
    package = _package(tree)
    found = objects_in_folder(tree)
    try:
        operator = _operator(found)
        _check(operator)
        namespace = install_namespace or texts_at(operator.body, "metadata", "annotations").get(_SUGGESTED, "")
        return _once(_objects(operator, found, namespace or f"{package}-system"))
    except (BundleInvalid, ManifestInvalid) as error:
        raise BundleInvalid(f"{_PREFIX}{error}") from None


def _package(tree: FileTree) -> str:
    if ANNOTATIONS not in tree.files:
        raise BundleInvalid(f"open {ANNOTATIONS}: file does not exist")
    try:
        documents = list(read_documents(tree.files[ANNOTATIONS]))
    except YamlInvalid as error:
        raise BundleInvalid(f"{ANNOTATIONS}: {error}") from None
    package = texts_at(documents[0].value, "annotations").get(_PACKAGE, "") if documents else ""
    if not package:
        raise BundleInvalid(f"{ANNOTATIONS} has no annotation {_PACKAGE}")
    return package


def _operator(found: Iterable[Manifest]) -> Manifest:
    operators = [each for each in found if each.kind == _OPERATOR]
    if len(operators) != 1:
        names = ", ".join(each.name for each in operators)[:200] or "none"
        raise BundleInvalid(f"a registry+v1 bundle has exactly one {_OPERATOR}, and this one has {names}")
    return operators[0]


def _check(operator: Manifest) -> None:
    modes = {text_at(each, "type") for each in items_at(operator.body, "spec", "installModes") if each.get("supported")}
    if "AllNamespaces" not in modes:
        raise BundleInvalid("AllNamespace install mode must be enabled")
    if field_at(operator.body, "spec", "apiservicedefinitions", "owned"):
        raise BundleInvalid("apiServiceDefintions are not supported")
    if field_at(operator.body, "spec", "webhookdefinitions"):
        raise BundleInvalid("webhookDefinitions are not supported")


def _objects(operator: Manifest, found: Iterable[Manifest], namespace: str) -> Iterator[Manifest]:
    """The bundle's own objects first, then those that install the operator. `_once` takes the first of two accounts."""
    for each in found:
        if each.kind == _DEFINITION:
            yield each
        elif each.kind != _OPERATOR:
            yield _placed(each, namespace)
    yield from operator_objects(operator, namespace)


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    is_namespaced = _NAMESPACED.get(manifest.kind)
    if is_namespaced is None:
        raise BundleInvalid(f"bundle contains unsupported resource: Name: {manifest.name}, Kind: {manifest.kind}")
    if not is_namespaced:
        return manifest
    metadata = {**mapping_at(manifest.body, "metadata"), "namespace": namespace}
    return read_manifest({**manifest.body, "metadata": metadata})


def _once(objects: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Each object once, the first of each key. Only of a ServiceAccount a second one may have other content."""
    found: dict[ObjectKey, Manifest] = {}
    for each in objects:
        known = found.setdefault(each.key, each)
        if known.body != each.body and each.kind != "ServiceAccount":
            raise BundleInvalid(f"{each.key} stands twice, with different content")
        if len(found) > MOST_OBJECTS:
            raise BundleInvalid(f"the bundle has more than {MOST_OBJECTS} objects")
    return tuple(found.values())
