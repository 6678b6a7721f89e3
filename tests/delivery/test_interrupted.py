"""Deliveries that are killed, throttled or contradicted, on the real API server."""

import base64
import json

import httpx
import msgspec
import pytest
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.objects import Body
from krt.cluster.transport import Transport
from krt.core.report.report_document import Document
from krt.delivery.deliver import deliver
from krt.delivery.order import End
from tests.apiserver.server import ApiServer
from tests.delivery.cluster import CONNECTIONS, OTHER, OWNER, Cluster, reasons, states
from tests.fakes.faults import Answer
from tests.fakes.https_proxy import HttpsProxy

pytestmark = pytest.mark.apiserver

STEPS = range(1, 12)  # a delivery of three objects sends eight requests


class Killed(BaseException):
    """As a kill -9 between two requests: nothing catches it."""


async def run_until_killed(cluster: Cluster, step: int, *objects: Body) -> None:
    """Deliver the objects. The request of this number is not sent any more, and none after it."""
    count = 0

    async def kill(_: httpx.Request) -> None:
        nonlocal count
        count += 1
        if count >= step:
            raise Killed

    server, credentials = load_access(cluster.server.control_plane.kubeconfig)
    async with http_client(server, connections=CONNECTIONS) as client:
        client.event_hooks = {"request": [kill]}
        try:
            await deliver(Transport(client, credentials), cluster.order(*objects), cluster.shown.append)
        except* Killed:
            pass


@pytest.mark.parametrize("step", STEPS)
async def test_a_run_that_is_killed_before_any_request_is_completed_by_the_next(cluster: Cluster, step: int) -> None:
    """The first version has a and b, the second b and c: whatever was written, the next run prunes a."""
    await cluster.deliver(cluster.config_map("a", v="1"), cluster.config_map("b", v="1"))
    wanted = (cluster.config_map("b", v="2"), cluster.config_map("c", v="1"))
    await run_until_killed(cluster, step, *wanted)
    healed = await cluster.deliver(*wanted)
    assert healed.end is End.READY, reasons(healed)
    assert not await cluster.exists("ConfigMap", "a")
    assert [(await cluster.get("ConfigMap", name))["data"]["v"] for name in ("b", "c")] == ["2", "1"]
    assert {change for _, _, change in states(await cluster.deliver(*wanted)).values()} == {"unchanged"}


async def test_a_first_run_that_is_killed_anywhere_leaves_nothing_behind_after_destroy(cluster: Cluster) -> None:
    objects = [cluster.config_map(name, v="1") for name in ("a", "b", "c")]
    for step in STEPS:
        await run_until_killed(cluster, step, *objects)
        assert (await cluster.destroy()).end is End.READY
        assert [name for name in ("a", "b", "c") if await cluster.exists("ConfigMap", name)] == [], step


async def test_a_server_that_is_busy_or_away_is_asked_again(
    cluster: Cluster, apiserver: ApiServer, api_proxy: HttpsProxy
) -> None:
    busy = {"kind": "Status", "message": "too many", "reason": "TooManyRequests", "code": 429}
    api_proxy.faults.on("PATCH .*configmaps/a", Answer(429, {"Retry-After": "1"}, json.dumps(busy).encode()), times=3)
    api_proxy.faults.on("PATCH .*configmaps/b", Answer(503), times=2)
    api_proxy.faults.on("(GET|POST) .*secrets", Answer(503), times=2)
    server, credentials = load_access(
        apiserver.kubeconfig(apiserver.control_plane.credentials.admin_token, proxy=api_proxy)
    )
    began = trio.current_time()
    async with http_client(server, connections=CONNECTIONS) as client:
        order = cluster.order(cluster.config_map("a", v="1"), cluster.config_map("b", v="1"))
        done = await deliver(Transport(client, credentials), order, cluster.shown.append)
    assert done.end is End.READY, reasons(done)
    assert trio.current_time() - began >= 3


async def test_a_server_that_does_not_answer_in_time_is_told_and_nothing_was_written(
    cluster: Cluster, apiserver: ApiServer, api_proxy: HttpsProxy
) -> None:
    api_proxy.faults.on("PATCH", Answer(503))
    token = apiserver.control_plane.credentials.admin_token
    server, credentials = load_access(apiserver.kubeconfig(token, proxy=api_proxy))
    async with http_client(server, connections=CONNECTIONS) as client:
        order = cluster.order(cluster.config_map("a", v="1"), timeout_seconds=2)
        late = await deliver(Transport(client, credentials), order, cluster.shown.append)
    assert late.end is End.DENIED
    assert reasons(late)[""] == "nothing was written: the API server has not answered all calls in 2 s"
    assert reasons(late)["a"].startswith("nothing was written; 503")


async def test_no_value_of_a_secret_is_told(cluster: Cluster) -> None:
    """A webhook's or server's sentence may quote it; the checksum in the inventory has 16 bits."""
    canary = "canary-5d41402abc4b"
    metadata = {"name": "site", "namespace": cluster.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": canary}}
    await cluster.deliver(secret)
    await cluster.deliver({**secret, "stringData": {"password": canary, "k/e/y": canary}})
    await cluster.deliver({**secret, "data": {"password": canary}})
    told = [msgspec.json.encode(document).decode() for document in cluster.shown]
    assert sum('"state":"failed"' in each for each in told) >= 2
    assert not [each for each in told if canary in each]
    secrets = await cluster.server.request("GET", f"/api/v1/namespaces/{cluster.namespace}/secrets")
    [inventory] = [each for each in secrets["items"] if each["metadata"]["name"].startswith("krt.inventory")]
    assert canary not in base64.b64decode(inventory["data"]["inventory"]).decode()


async def test_a_webhook_that_is_away_is_waited_for_and_no_obstacle_to_the_look(cluster: Cluster) -> None:
    name = f"hook-{cluster.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "hook.example.com",
                "clientConfig": {"url": "https://127.0.0.1:9/"},
                "rules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
    await cluster.server.apply(hook)
    refused = trio.Event()

    def show(document: Document) -> None:
        if any("failed calling webhook" in str(target.reason) for target in document.targets):
            refused.set()

    async def remove_once_refused() -> None:
        await refused.wait()
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        await cluster.server.request("DELETE", f"{path}/{name}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(remove_once_refused)
        done = await deliver(cluster.transport, cluster.order(cluster.config_map("a", v="1")), show)
    assert done.end is End.READY, reasons(done)


async def test_an_object_that_kubectl_made_is_taken_over_with_its_old_fields(cluster: Cluster) -> None:
    old = {**cluster.config_map("a", kept="1", old="1")}
    applied = await cluster.server.kubectl("apply", "-f", "-", stdin=json.dumps(old))
    assert applied.code == 0, applied
    taken = await cluster.deliver(cluster.config_map("a", kept="1"), is_forced=True)
    assert states(taken) == {"a": ("apply", "ready", "configured")}
    live = await cluster.get("ConfigMap", "a")
    assert live["data"] == {"kept": "1"}
    assert "kubectl.kubernetes.io/last-applied-configuration" not in live["metadata"]["annotations"]
    assert {entry["manager"] for entry in live["metadata"]["managedFields"]} == {OWNER.field_manager}


async def test_a_dry_run_tells_what_would_be_and_writes_nothing(cluster: Cluster) -> None:
    await cluster.deliver(*(cluster.config_map(name, v="1") for name in ("same", "changed", "gone")))
    wanted = (cluster.config_map("same", v="1"), cluster.config_map("changed", v="2"), cluster.config_map("new", v="1"))
    planned = await cluster.deliver(*wanted, is_dry_run=True)
    assert planned.end is End.PLANNED
    assert states(planned) == {
        "same": ("apply", "planned", "unchanged"),
        "changed": ("apply", "planned", "configured"),
        "new": ("apply", "planned", "created"),
        "gone": ("delete", "planned", "deleted"),
    }
    assert planned.report.state == "done"
    assert [each for each in cluster.writes if not each.startswith("DELETE")] == []
    assert await cluster.exists("ConfigMap", "gone")
    assert {state for _, state, _ in states(await cluster.destroy(is_dry_run=True)).values()} == {"planned"}
    assert await cluster.exists("ConfigMap", "same")


async def test_an_inventory_that_cannot_be_read_stops_everything(cluster: Cluster) -> None:
    await cluster.deliver(cluster.config_map("a", v="1"))
    [secret] = (await cluster.server.request("GET", f"/api/v1/namespaces/{cluster.namespace}/secrets"))["items"]
    path = f"/api/v1/namespaces/{cluster.namespace}/secrets/{secret['metadata']['name']}"
    await cluster.server.request("PUT", path, {**secret, "data": {"inventory": "YWJj"}})
    stopped = await cluster.deliver(cluster.config_map("b", v="1"))
    assert stopped.end is End.REFUSED
    assert "cannot be read: it is not a list of objects as krt writes it; restore it" in reasons(stopped)[""]
    assert cluster.writes == []


async def test_two_owners_have_inventories_of_their_own(cluster: Cluster) -> None:
    await cluster.deliver(cluster.config_map("a", v="1"))
    await cluster.deliver(cluster.config_map("b", v="1"), owner=OTHER)
    await cluster.destroy()
    assert not await cluster.exists("ConfigMap", "a")
    assert await cluster.exists("ConfigMap", "b")


async def test_two_runs_of_one_owner_at_once_end_well_or_by_a_sentence(cluster: Cluster) -> None:
    results = []

    async def run(version: str) -> None:
        order = cluster.order(*(cluster.config_map(f"a{number}", v=version) for number in range(8)))
        results.append(await deliver(cluster.transport, order, cluster.shown.append))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "1")
        nursery.start_soon(run, "2")
    ended = {each.end for each in results}
    assert End.READY in ended
    assert ended <= {End.READY, End.FAILED}
    for each in results:
        if each.end is End.FAILED:
            assert "another run for the same owner" in reasons(each)[""], reasons(each)


async def test_two_hundred_objects_are_delivered_and_then_unchanged(cluster: Cluster) -> None:
    objects = [cluster.config_map(f"a{number}", v="1") for number in range(200)]
    assert (await cluster.deliver(*objects)).end is End.READY
    again = await cluster.deliver(*objects)
    assert {change for _, _, change in states(again).values()} == {"unchanged"}
    assert len(cluster.requests) == 201
