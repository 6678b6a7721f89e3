"""The rules R18 to R20 of registry+v1: what a ClusterServiceVersion becomes, and what is refused."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from krt.core.bundle import registry
from krt.core.bundle.registry import registry_objects_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.kube.manifest import Manifest

PREFIX = "convert registry+v1 bundle to plain+v0 bundle: "
PACKAGE = b"annotations: {operators.operatorframework.io.bundle.package.v1: memcached}\n"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "memcacheds.cache.example.com"},
    "spec": {"group": "cache.example.com"},
}
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}
SEE = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}

Change = Callable[[dict[str, Any]], object]


def operator() -> dict[str, Any]:
    """A ClusterServiceVersion with one Deployment, whose account has rights in one Namespace and in all."""
    template = {
        "metadata": {"labels": {"app": "m"}, "annotations": {"of": "pods"}},
        "spec": {"serviceAccountName": "manager", "containers": [{"name": "m", "image": "m:1"}]},
    }
    install = {
        "strategy": "deployment",
        "spec": {
            "deployments": [{"name": "manager", "label": {"a": "b"}, "spec": {"replicas": 1, "template": template}}],
            "permissions": [{"serviceAccountName": "manager", "rules": [PODS]}],
            "clusterPermissions": [{"serviceAccountName": "manager", "rules": [PODS]}],
        },
    }
    modes = [{"type": "OwnNamespace", "supported": False}, {"type": "AllNamespaces", "supported": True}]
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {"name": "memcached.v1.2.0", "namespace": "placeholder", "annotations": {"capabilities": "Basic"}},
        "spec": {"installModes": modes, "install": install},
    }


def bundle(*objects: Mapping[str, Any], change: Change = lambda _: None, annotations: bytes = PACKAGE) -> FileTree:
    """The operator, changed, and other objects, a file each."""
    changed = operator()
    change(changed)
    files = {
        f"manifests/{number}.yaml": yaml.safe_dump(each).encode() for number, each in enumerate((changed, *objects))
    }
    return FileTree({**files, "metadata/annotations.yaml": annotations})


def some(kind: str, name: str = "x", api_version: str = "v1", **more: object) -> dict[str, object]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **more}


def found(tree: FileTree, kind: str, namespace: str = "") -> list[Manifest]:
    return [each for each in registry_objects_of(tree, namespace) if each.kind == kind]


def problem(tree: FileTree) -> str:
    with pytest.raises(BundleInvalid) as caught:
        registry_objects_of(tree)
    return str(caught.value)


def test_an_operator_becomes_the_objects_that_run_it() -> None:
    objects = registry_objects_of(bundle(DEFINITION, some("Service", "metrics")))
    assert [(each.kind, each.namespace) for each in objects] == [
        ("CustomResourceDefinition", ""),
        ("Service", "memcached-system"),
        ("Namespace", ""),
        ("ServiceAccount", "memcached-system"),
        *[("ClusterRole", ""), ("ClusterRoleBinding", "")] * 2,
        ("Deployment", "memcached-system"),
    ]
    assert objects[0].body == DEFINITION
    assert objects[2].name == "memcached-system"
    assert objects[3].name == "manager"


def test_the_deployment_is_the_operators_and_knows_that_it_works_in_all_namespaces() -> None:
    [deployment] = found(bundle(), "Deployment")
    annotations = {"capabilities": "Basic", "of": "pods", "olm.targetNamespaces": ""}
    assert deployment.body["metadata"] == {
        "name": "manager",
        "namespace": "memcached-system",
        "labels": {"a": "b"},
        "annotations": annotations,
    }
    given_spec = operator()["spec"]["install"]["spec"]["deployments"][0]["spec"]
    given_spec["template"]["metadata"]["annotations"]["olm.targetNamespaces"] = ""
    assert deployment.body["spec"] == given_spec


def test_rights_in_one_namespace_become_rights_in_each_and_to_see_each() -> None:
    """RukPak means to, but adds the rule to a copy that it drops. Seen to fail without the rule."""
    in_all, in_each = found(bundle(), "ClusterRole")
    assert (in_all.body["rules"], in_each.body["rules"]) == ([PODS], [PODS, SEE])
    bindings = found(bundle(), "ClusterRoleBinding")
    for role, binding in zip((in_all, in_each), bindings, strict=True):
        assert role.name.startswith("memcached.v1.2.0-manager-")
        assert binding.body["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role.name,
        }
        account = {"kind": "ServiceAccount", "name": "manager", "namespace": "memcached-system"}
        assert binding.body["subjects"] == [account]


def test_names_of_rights_are_the_same_each_time_and_short_enough() -> None:
    long = "x" * 60
    roles = found(bundle(change=lambda csv: csv["metadata"].update(name=long)), "ClusterRole")
    assert [each.name for each in roles] == [
        each.name for each in found(bundle(change=lambda csv: csv["metadata"].update(name=long)), "ClusterRole")
    ]
    assert {len(each.name) for each in roles} == {63}
    assert len({each.name for each in roles}) == 2


def suggest(csv: dict[str, Any]) -> None:
    csv["metadata"]["annotations"]["operatorframework.io/suggested-namespace"] = "cache"


@pytest.mark.parametrize(
    ("change", "wanted", "namespace"),
    [(lambda _: None, "", "memcached-system"), (suggest, "", "cache"), (suggest, "mine", "mine")],
)
def test_the_namespace_is_the_given_one_else_the_suggested_one_else_the_packages(
    change: Change, wanted: str, namespace: str
) -> None:
    [made] = found(bundle(change=change), "Namespace", wanted)
    [deployment] = found(bundle(change=change), "Deployment", wanted)
    assert (made.name, deployment.namespace) == (namespace, namespace)


def default_account(csv: dict[str, Any]) -> None:
    spec = csv["spec"]["install"]["spec"]
    del spec["deployments"][0]["spec"]["template"]["spec"]["serviceAccountName"]
    spec["permissions"] = [{"rules": [PODS]}]
    spec["clusterPermissions"] = [{"serviceAccountName": "default", "rules": [PODS]}]


def test_the_default_account_is_there_already() -> None:
    assert found(bundle(change=default_account), "ServiceAccount") == []
    bindings = found(bundle(change=default_account), "ClusterRoleBinding")
    assert {each.body["subjects"][0]["name"] for each in bindings} == {"default"}  # type: ignore[index]


def test_an_account_that_the_bundle_brings_is_the_one() -> None:
    own = some("ServiceAccount", "manager", imagePullSecrets=[{"name": "pull"}])
    [account] = found(bundle(own), "ServiceAccount")
    assert account.body["imagePullSecrets"] == [{"name": "pull"}]


@pytest.mark.parametrize(("kind", "is_namespaced"), registry._NAMESPACED.items())
def test_other_kinds_are_installed_where_the_operator_is(kind: str, is_namespaced: bool) -> None:
    given_object = some(kind, "other", data={"a": "b"})
    given_object["metadata"] = {"name": "other", "namespace": "elsewhere", "labels": {"a": "b"}}
    [placed] = [each for each in found(bundle(given_object), kind) if each.name == "other"]
    assert placed.namespace == ("memcached-system" if is_namespaced else "elsewhere")
    assert placed.body["data"] == {"a": "b"}


def modes(*supported: str) -> Change:
    kinds = ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
    return lambda csv: csv["spec"].update(
        installModes=[{"type": each, "supported": each in supported} for each in kinds]
    )


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (bundle(change=modes()), "AllNamespace install mode must be enabled"),
        (bundle(change=modes("OwnNamespace", "SingleNamespace")), "AllNamespace install mode must be enabled"),
        (bundle(change=lambda csv: csv["spec"].pop("installModes")), "AllNamespace install mode must be enabled"),
        (
            bundle(change=lambda csv: csv["spec"].update(webhookdefinitions=[{"type": "ValidatingAdmissionWebhook"}])),
            "webhookDefinitions are not supported",
        ),
        (
            bundle(change=lambda csv: csv["spec"].update(apiservicedefinitions={"owned": [{"name": "x"}]})),
            "apiServiceDefintions are not supported",
        ),
        (bundle(some("Event", "e")), "bundle contains unsupported resource: Name: e, Kind: Event"),
        (bundle(some("Namespace", "ns")), "bundle contains unsupported resource: Name: ns, Kind: Namespace"),
        (
            bundle(some("Deployment", "d", "apps/v1")),
            "bundle contains unsupported resource: Name: d, Kind: Deployment",
        ),
        (
            bundle(change=lambda csv: csv.update(kind="ConfigMap")),
            "a registry+v1 bundle has exactly one ClusterServiceVersion, and this one has none",
        ),
        (
            bundle({**operator(), "metadata": {"name": "v2"}}),
            "a registry+v1 bundle has exactly one ClusterServiceVersion, and this one has memcached.v1.2.0, v2",
        ),
        (
            bundle(change=lambda csv: csv["spec"]["install"]["spec"]["deployments"].append({"spec": {}})),
            "it has no metadata.name",
        ),
        (
            bundle(annotations=PACKAGE.replace(b"memcached", b"'a/b'")),
            "its metadata.name cannot stand in a path of the API server",
        ),
        (
            bundle(change=lambda csv: csv["spec"]["install"]["spec"]["deployments"].append({"name": "manager"})),
            "Deployment memcached-system/manager stands twice, with different content",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused_in_rukpaks_words(tree: FileTree, said: str) -> None:
    assert problem(tree) == PREFIX + said


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (FileTree(dict(bundle().files) | {"manifests/deep/x.yaml": b""}), 'found "manifests/deep"'),
        (FileTree({"metadata/annotations.yaml": PACKAGE}), "readdir manifests: file does not exist"),
        (FileTree({"manifests/a.yaml": b""}), "open metadata/annotations.yaml: file does not exist"),
        (bundle(annotations=b"annotations: ["), "metadata/annotations.yaml: "),
        (bundle(annotations=b""), "metadata/annotations.yaml has no annotation operators.operatorframework.io"),
        (bundle(annotations=b"annotations: {a: b}"), "metadata/annotations.yaml has no annotation"),
        (bundle(annotations=b"- x"), "metadata/annotations.yaml has no annotation"),
        (FileTree({"metadata/annotations.yaml": PACKAGE, "manifests/README": b"# hi\nhello"}), "manifests/README"),
    ],
)
def test_files_that_are_no_such_bundle_are_refused(tree: FileTree, said: str) -> None:
    assert said in problem(tree)


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_OBJECTS", 5)
    assert problem(bundle()) == f"{PREFIX}the bundle has more than 5 objects"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["installModes", "install", "webhookdefinitions", "apiservicedefinitions"]), values)
def test_fields_of_any_type_are_read_or_refused(field: str, value: object) -> None:
    with suppress(BundleInvalid):
        registry_objects_of(bundle(change=lambda csv: csv["spec"].update({field: value})))


@given(st.sampled_from(["deployments", "permissions", "clusterPermissions"]), values)
def test_a_strategy_of_any_type_is_read_or_refused(field: str, value: object) -> None:
    def change(csv: dict[str, Any]) -> None:
        csv["spec"]["install"]["spec"][field] = [value, {field: value}]

    with suppress(BundleInvalid):
        registry_objects_of(bundle(change=change))
