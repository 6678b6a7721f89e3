"""The objects of an instance whose module is a plain bundle: namespaces, values, modules of another form."""

import pytest

from krt.core.bundle.tree import FileTree
from krt.core.fleet.bundle import Instance, Module
from krt.core.fleet.plain_module import plain_objects
from krt.core.fleet.refusals import FleetInvalid

CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
ROLE = b"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: b}\n"
WIDGET = b"apiVersion: example.io/v1\nkind: Widget\nmetadata: {name: w}\n"


def definition(scope: str) -> bytes:
    return (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.io}\n"
        f"spec: {{group: example.io, scope: {scope}, names: {{kind: Widget, plural: widgets}}}}\n"
    ).encode()


def instance(values: dict[str, object] | None = None) -> Instance:
    return Instance("app", "shop", Module("ghcr.io/acme/app", "", ""), values or {})  # type: ignore[arg-type]


def namespaces(*files: bytes) -> dict[str, str]:
    tree = FileTree({f"manifests/{number}.yaml": content for number, content in enumerate(files)})
    return {each.kind: each.namespace for each in plain_objects(instance(), tree)}


def test_objects_get_the_namespace_of_the_instance_if_their_kind_has_one() -> None:
    named = CONFIG.replace(b"{name: a}", b"{name: c, namespace: other}").replace(b"ConfigMap", b"Secret")
    assert namespaces(CONFIG, ROLE, named) == {"ConfigMap": "shop", "ClusterRole": "", "Secret": "other"}


@pytest.mark.parametrize(("scope", "namespace"), [("Namespaced", "shop"), ("Cluster", "")])
def test_the_definition_says_whether_a_custom_kind_has_namespaces(scope: str, namespace: str) -> None:
    assert namespaces(definition(scope), WIDGET)["Widget"] == namespace


def test_a_custom_kind_without_its_definition_is_refused() -> None:
    with pytest.raises(FleetInvalid, match="Widget w: krt does not know whether its kind has namespaces"):
        namespaces(WIDGET)


@pytest.mark.parametrize(
    ("files", "values", "problem"),
    [
        ({"README.md": b""}, {}, "has no folder manifests, and no cue.mod/module.cue"),
        ({"manifests/a.yaml": CONFIG}, {"a": 1}, "is a plain bundle, which takes no values: leave out values"),
        ({"manifests/a.yaml": b"a: ["}, {}, "manifests/a.yaml"),
    ],
)
def test_other_modules(files: dict[str, bytes], values: dict[str, object], problem: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        plain_objects(instance(values), FileTree(files))
    assert str(refused.value).startswith("bundle.instances.app: module oci://ghcr.io/acme/app")
    assert problem in str(refused.value)
