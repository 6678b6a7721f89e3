"""An operator in the form registry+v1, on the real API server: installed, kept, and removed with all it brought."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.apiserver.bundles import PLAIN
from tests.apiserver.kubelet import open_kubelet
from tests.controller.desk import GROUP, REF, Desk
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

REGISTRY = "core-rukpak-io-registry"
PACKAGE = b"annotations: {operators.operatorframework.io.bundle.package.v1: cache}\n"
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def operator_files(namespace: str) -> Mapping[str, bytes]:
    """An operator that suggests `namespace`, with a kind of that group."""
    plural, group = "memcacheds", f"{namespace}.example.com"
    names = {"kind": "Memcached", "plural": plural, "singular": "memcached"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "metrics"},
        "spec": {"ports": [{"port": 80}]},
    }
    objects = (a_csv(namespace), definition, service)
    files = {f"manifests/{number}.yaml": yaml.safe_dump(each).encode() for number, each in enumerate(objects)}
    return {**files, "metadata/annotations.yaml": PACKAGE}


def a_csv(namespace: str) -> Mapping[str, Any]:
    labels = {"app": "manager"}
    pod = {"serviceAccountName": "manager", "containers": [{"name": "manager", "image": "quay.io/acme/manager:1"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    install = {
        "strategy": "deployment",
        "spec": {
            "deployments": [{"name": "manager", "spec": spec}],
            "permissions": [{"serviceAccountName": "manager", "rules": [PODS]}],
        },
    }
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": f"{namespace}.v1",
            "annotations": {"operatorframework.io/suggested-namespace": namespace},
        },
        "spec": {"installModes": [{"type": "AllNamespaces", "supported": True}], "install": install},
    }


async def deploy(desk: Desk, ref: str = REF) -> None:
    """As RukPak's documents have it: the deployment is plain, and its template has the form of the content."""
    template = {"provisionerClassName": REGISTRY, "source": {"type": "image", "image": {"ref": ref}}}
    body = {"apiVersion": "core.rukpak.io/v1alpha1", "kind": "BundleDeployment", "metadata": {"name": desk.name}}
    await desk.server.apply({**body, "spec": {"provisionerClassName": PLAIN, "template": {"spec": template}}})


async def test_an_operator_is_installed_kept_and_removed(desk: Desk) -> None:
    """R18, R19, R25; and the Bundle that somebody deletes changes nothing, though the template has no content now."""
    namespace = f"{desk.namespace}-op"
    definition = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/memcacheds.{namespace}.example.com"
    digest = desk.images.push(REF, operator_files(namespace))
    async with desk.running(), open_kubelet(desk.server.client, namespace):
        await deploy(desk)
        await desk.until_installed(digest=digest)
        deployment = await desk.server.get("Deployment", namespace, "manager", "apps/v1")
        assert deployment["metadata"]["annotations"]["olm.targetNamespaces"] == ""
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "manager"
        assert (await desk.server.client.get(definition)).status_code == 200
        for kind, name in (("ServiceAccount", "manager"), ("Service", "metrics")):
            assert await desk.server.get(kind, namespace, name, "v1")
        active = (await desk.status())["activeBundle"]
        await deploy(desk, f"{REF}-absent")
        await desk.until_condition("HasValidBundle", "False", "(status 404)")
        await desk.server.request("DELETE", f"{GROUP}/bundles/{active}")
        await desk.server.request("DELETE", f"/api/v1/namespaces/{namespace}/services/metrics")
        await until_on_wall_clock(lambda: is_there(desk, f"/api/v1/namespaces/{namespace}/services/metrics"))
        await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")
        for path in (f"{GROUP}/bundledeployments/{desk.name}", definition, f"/api/v1/namespaces/{namespace}"):
            await until_on_wall_clock(lambda path=path: is_gone(desk, path))


async def is_there(desk: Desk, path: str) -> bool:
    return (await desk.server.client.get(path)).is_success


async def is_gone(desk: Desk, path: str) -> bool:
    return (await desk.server.client.get(path)).status_code == 404


async def test_an_operator_for_one_namespace_is_refused_in_rukpaks_words(desk: Desk) -> None:
    """R20."""
    files = dict(operator_files(desk.namespace))
    files["manifests/0.yaml"] = files["manifests/0.yaml"].replace(b"AllNamespaces", b"OwnNamespace")
    desk.images.push(REF, files)
    async with desk.running():
        await deploy(desk)
        said = "convert registry+v1 bundle to plain+v0 bundle: AllNamespace install mode must be enabled"
        await desk.until_condition("HasValidBundle", "False", said)
