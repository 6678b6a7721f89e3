"""The kinds Bundle and BundleDeployment on the API server, and documents of theirs."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.apiserver.objects import Object
from tests.apiserver.server import ApiServer
from tests.fakes.polling import until_on_wall_clock

GROUP = "core.rukpak.io"
API_VERSION = f"{GROUP}/v1alpha1"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"  # what kubectl reads
PLAIN = "core-rukpak-io-plain"
CRDS = Path(__file__).parents[2] / "deploy" / "kubernetes" / "components" / "bundles" / "crds.yaml"


@cache  # reading it takes 40 ms, and each test of the controller serves them
def crds() -> tuple[Object, Object]:
    """Of Bundle and of BundleDeployment. Not to be changed."""
    bundle, deployment = yaml.safe_load_all(CRDS.read_text())
    return bundle, deployment


def image(ref: str) -> Object:
    return {"type": "image", "image": {"ref": ref}}


def a_bundle(source: Object, name: str = "my-bundle", **metadata: Any) -> Object:
    spec = {"source": source, "provisionerClassName": PLAIN}
    return {"apiVersion": API_VERSION, "kind": "Bundle", "metadata": {"name": name, **metadata}, "spec": spec}


def a_bundle_deployment(source: Object, name: str = "my-bundle-deployment", **metadata: Any) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": a_bundle(source)["spec"]}
    return {
        "apiVersion": API_VERSION,
        "kind": "BundleDeployment",
        "metadata": {"name": name, **metadata},
        "spec": {"provisionerClassName": PLAIN, "template": template},
    }


def collection(document: Object) -> str:
    plural = f"{document['kind'].lower()}s"
    return f"/apis/{document['apiVersion']}/{plural}"


async def serve(server: ApiServer, *definitions: Object) -> None:
    """Apply them, and return once the API server answers for each kind, and kubectl finds it."""
    await server.apply(*definitions)
    for each in definitions:
        await until_on_wall_clock(partial(_is_served, server, each["spec"]["group"], each["spec"]["names"]["plural"]))


async def remove_all(server: ApiServer) -> None:
    """Every object of the two kinds, whoever holds it by a finalizer."""
    for definition in crds():
        path = f"/apis/{API_VERSION}/{definition['spec']['names']['plural']}"
        for each in (await server.request("GET", path))["items"]:
            await _remove(server.client, f"{path}/{each['metadata']['name']}")


async def _remove(client: httpx.AsyncClient, path: str) -> None:
    free = '{"metadata": {"finalizers": null}}'
    await client.patch(path, content=free, headers={"Content-Type": "application/merge-patch+json"})
    await client.delete(path)


async def _is_served(server: ApiServer, group: str, plural: str) -> bool:
    discovered = (await server.client.get("/apis", headers={"Accept": _DISCOVERY})).json()
    groups = {each["metadata"]["name"]: each["versions"] for each in discovered["items"]}
    found = {kind["resource"] for version in groups.get(group, ()) for kind in version.get("resources", ())}
    return plural in found and (await server.client.get(f"/apis/{group}/v1alpha1/{plural}")).is_success
