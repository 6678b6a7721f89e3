"""Through the proxy the real API server answers wrongly, late, by halves or not at all, as the test says."""

import json
import ssl

import httpx
import pytest
import trio
import trio.testing

from tests.apiserver.objects import Object, a_deployment
from tests.apiserver.server import ApiServer
from tests.fakes.faults import Answer, Half, Late, Silence
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.transport import closing_transport


def through(proxy: HttpsProxy, apiserver: ApiServer) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {apiserver.control_plane.credentials.admin_token}"}
    context = ssl.create_default_context(cafile=proxy.ca_file)
    return httpx.AsyncClient(base_url=proxy.url, headers=headers, transport=closing_transport(context))


def a_config_map(name: str, namespace: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


async def test_kubectl_works_through_the_proxy(apiserver: ApiServer, namespace: str, api_proxy: HttpsProxy) -> None:
    token = apiserver.control_plane.credentials.admin_token
    kubeconfig = apiserver.kubeconfig(token, namespace=namespace, proxy=api_proxy)
    applied = await apiserver.kubectl(
        "apply", "-f", "-", stdin=json.dumps(a_deployment(namespace=namespace)), kubeconfig=kubeconfig
    )
    assert applied.code == 0, applied
    assert f"/apis/apps/v1/namespaces/{namespace}/deployments" in {each.path for each in api_proxy.faults.requests}
    assert await apiserver.get("Deployment", namespace, "web")


async def test_a_fault_is_answered_as_often_as_was_said(apiserver: ApiServer, api_proxy: HttpsProxy) -> None:
    api_proxy.faults.on("^GET /api/v1/nodes", Answer(429, {"Retry-After": "1"}), times=2)
    async with through(api_proxy, apiserver) as client:
        answers = [await client.get("/api/v1/nodes") for _ in range(3)]
        other = await client.get("/api/v1/pods")
    assert [each.status_code for each in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "1"
    assert other.status_code == 200


async def test_a_watch_streams_and_may_be_cut_within_an_object(
    apiserver: ApiServer, namespace: str, api_proxy: HttpsProxy
) -> None:
    """Of ConfigMaps: no controller changes their length."""
    [first] = await apiserver.apply(a_config_map("first", namespace))
    event_bytes = len(json.dumps({"type": "ADDED", "object": first}, separators=(",", ":"))) + 1
    api_proxy.faults.on("watch=1", Half(event_bytes + 100))
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1"
    async with through(api_proxy, apiserver) as client, client.stream("GET", path) as answer:
        lines = answer.aiter_lines()
        assert json.loads(await anext(lines))["object"]["metadata"]["name"] == "first"
        await apiserver.apply(a_config_map("second", namespace))
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await anext(lines)


async def test_silence_lasts_until_the_client_has_had_enough(apiserver: ApiServer, api_proxy: HttpsProxy) -> None:
    api_proxy.faults.on("^GET /api/v1/nodes", Silence())
    async with through(api_proxy, apiserver) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.get, "/api/v1/nodes")
            await api_proxy.faults.wait_request("/api/v1/nodes")
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert api_proxy.answering.value == 1
            nursery.cancel_scope.cancel()
        api_proxy.faults.mend()
        assert (await client.get("/api/v1/nodes")).status_code == 200


async def test_a_late_answer_is_the_right_one(apiserver: ApiServer, api_proxy: HttpsProxy) -> None:
    api_proxy.faults.on("^GET /version", Late(0.05))
    began = trio.current_time()
    async with through(api_proxy, apiserver) as client:
        assert (await client.get("/version")).json()["major"]
    assert trio.current_time() - began >= 0.05


async def test_half_an_answer_may_be_all_there_ever_is(apiserver: ApiServer, api_proxy: HttpsProxy) -> None:
    api_proxy.faults.on("^GET /version", Half(10, held=True))
    async with through(api_proxy, apiserver) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/version", timeout=0.2)


async def test_a_watch_that_its_client_leaves_ends_at_the_server_too(
    apiserver: ApiServer, namespace: str, api_proxy: HttpsProxy
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods?watch=1"
    async with through(api_proxy, apiserver) as client, client.stream("GET", path):
        assert api_proxy.answering.value == 1
    with trio.fail_after(PATIENCE_SECONDS):
        await api_proxy.answering.wait_value(0)


async def test_a_server_that_is_down_is_down_behind_the_proxy(apiserver: ApiServer, api_proxy: HttpsProxy) -> None:
    async with through(api_proxy, apiserver) as client:
        await apiserver.control_plane.kill_apiserver()
        with pytest.raises(httpx.TransportError):
            await client.get("/readyz")
