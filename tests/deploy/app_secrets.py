"""The kind App and the policy that attaches, on the real API server; and the status that the policy reads."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from krt.core.app_secrets.app import Reload, Strategy
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.secrets import Effect
from tests.apiserver.apps import COMPONENT, app_crd
from tests.apiserver.bundles import serve
from tests.apiserver.objects import Object, a_deployment, grant
from tests.apiserver.server import ApiServer
from tests.fakes.polling import until_on_wall_clock

API_VERSION = "krt.internal/v1alpha1"
POLICY = COMPONENT.parent / "app-secrets-admission" / "admission-policy.yaml"
POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies/krt-app-secrets"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings/krt-app-secrets"
PROBE = "probe"
AGENT = ("krt-bundles", "krt-controller")
ENVIRONMENT = "production"


def an_effect(strategy: Strategy = Strategy.ENV, mount_path: str = "", reload: Reload = Reload.AUTO) -> Effect:
    return Effect("sha256:0a", strategy, mount_path, reload)


def an_entry(app: str, namespace: str, deployment: str, effect: Effect, *, attaches: bool = True) -> Object:
    """One of `status.deployments`."""
    entries = Entries(app, deployment)
    return {
        "environment": ENVIRONMENT,
        "namespace": namespace,
        "deployment": deployment,
        "attach": attaches,
        "copy": entries.copy,
        "volume": entries.volume,
        "strategy": effect.strategy,
        "mountPath": effect.mount_path,
        "reload": effect.reload,
        "stamp": effect.stamp,
        "mode": "",
        "state": "Delivered",
    }


async def remove_apps(server: ApiServer) -> None:
    for each in (await server.request("GET", f"/apis/{API_VERSION}/apps"))["items"]:
        await server.request("DELETE", f"/apis/{API_VERSION}/apps/{each['metadata']['name']}")


async def put_app(
    server: ApiServer,
    name: str,
    effect: Effect,
    entries: Sequence[Object],
    environments: Mapping[str, Object] | None = None,
) -> None:
    """The App, and its status as krt controller writes it."""
    spec: Object = {"strategy": effect.strategy, "environments": dict(environments or {})}
    spec |= {"mountPath": effect.mount_path} if effect.mount_path else {}
    await server.apply({"apiVersion": API_VERSION, "kind": "App", "metadata": {"name": name}, "spec": spec})
    done = await server.client.patch(
        f"/apis/{API_VERSION}/apps/{name}/status",
        content=json.dumps({"status": {"deployments": list(entries)}}),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert done.is_success, done.text


@asynccontextmanager
async def attaching_policy(server: ApiServer) -> AsyncIterator[None]:
    """Within the block the policy is there; the API server heeds it a moment later."""
    await serve(server, app_crd())
    await server.apply(*yaml.safe_load_all(POLICY.read_text()))
    try:
        yield
    finally:
        for path in (BINDINGS, POLICIES):
            await server.request("DELETE", path)


@asynccontextmanager
async def agent_kubeconfig(server: ApiServer) -> AsyncIterator[Path]:
    """Of the account that the policy passes over. Within the block it may do everything."""
    metadata = {"name": AGENT[0]}
    account = {"name": AGENT[1], "namespace": AGENT[0]}
    await server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    await server.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    granted = grant(AGENT[1], AGENT[0], [rule], everywhere=True)
    await server.apply(*granted)
    try:
        yield server.kubeconfig(await server.token(*AGENT), namespace=AGENT[0])
    finally:
        for each in granted:
            path = await server.path_of(each["apiVersion"], each["kind"], each["metadata"])
            await server.request("DELETE", path)


async def label_environment(server: ApiServer, namespace: str, environment: str = ENVIRONMENT) -> None:
    labels = {"krt/environment": environment}
    await server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})


async def until_attached(server: ApiServer, namespace: str, app: str) -> None:
    """Until the API server has heard of the policy and of the App, whose status names the Deployment `probe`."""
    copy = Entries(app, PROBE).copy

    async def attaches() -> bool:
        return copy in json.dumps(await dry_run(server, a_deployment(PROBE, namespace=namespace)))

    await until_on_wall_clock(attaches)


async def dry_run(server: ApiServer, body: Object, **parameters: Any) -> Object:
    """The Deployment as the API server would create it."""
    path = f"/apis/apps/v1/namespaces/{body['metadata']['namespace']}/deployments"
    found: Object = await server.request("POST", path, body, dryRun="All", **parameters)
    return found


def patched(body: Object, operations: Sequence[Mapping[str, Any]]) -> Object:
    """The body after `add` and `replace` of a JSON Patch (RFC 6902)."""
    body = json.loads(json.dumps(body))
    for each in operations:
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in each["path"].split("/")[1:])
        place: Any = body
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        assert each["op"] in {"add", "replace"}
        if isinstance(place, list):
            assert last == "-"
            place.append(each["value"])
        else:
            place[last] = each["value"]
    return body
