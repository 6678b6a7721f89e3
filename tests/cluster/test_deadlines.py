"""No call outlasts its deadline, and no connection on which one did is used again."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.cluster.access import http_client, load_access
from krt.core.kube.restartable import DEPLOYMENT
from krt.dev.cluster import Fault, deployment
from krt.errors import ClusterDenied, ClusterUnavailable
from tests.fakes.calls import Calls
from tests.fakes.served import served
from tests.fakes.stand_in import key


@pytest.fixture
async def api(stand_in):
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=4) as client:
        yield Calls(client, credentials)


async def jump_when_stalled(clock: MockClock, seconds: float) -> None:
    """Credentials are read in a thread. While it runs every task is blocked, and the call has not begun."""
    await wait_all_tasks_blocked(0.05)
    while trio.to_thread.current_default_thread_limiter().borrowed_tokens:
        await wait_all_tasks_blocked(0.05)
    clock.jump(seconds)


async def in_vain(call, clock: MockClock, seconds: float) -> ClusterUnavailable:
    """The error that ends the call after so many seconds, and not one earlier."""
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jump_when_stalled, clock, seconds - 1)
        nursery.start_soon(jump_when_stalled, clock, 1)
        with pytest.raises(ClusterUnavailable) as stalled:
            await call()
    assert seconds <= trio.current_time() - began < seconds + 1
    return stalled.value


async def test_a_call_that_is_not_answered_ends_in_time(stand_in, api, clock: MockClock):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    error = await in_vain(lambda: api.read(key("web")), clock, 10)
    assert str(error) == "no answer within 10 s"


async def test_a_page_has_longer(stand_in, api, clock: MockClock):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    await in_vain(lambda: api.list_page(DEPLOYMENT, None, None), clock, 60)


async def test_a_watch_that_is_not_answered_ends_in_time(stand_in, api, clock: MockClock):
    async def watch():
        async with api.watch(DEPLOYMENT, None, "1", 300):
            raise AssertionError("it was answered")

    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    await in_vain(watch, clock, 10)


async def test_the_connection_of_a_stalled_call_is_not_used_again(stand_in, api, clock: MockClock):
    await api.read(key("web"))
    await api.read(key("web"))
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    await in_vain(lambda: api.read(key("web")), clock, 10)
    await api.read(key("web"))
    first, second, stalled, after = (seen.port for seen in stand_in.seen)
    assert first == second == stalled != after


async def test_the_connection_of_a_call_that_was_cancelled_is_not_used_again(stand_in, api):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(api.read, key("web"))
        await wait_all_tasks_blocked(0.05)
        nursery.cancel_scope.cancel()
    assert (await api.read(key("web"))).key == key("web")
    cancelled, after = (seen.port for seen in stand_in.seen)
    assert cancelled != after


def stalling(status: int):
    """Answers with a head and half a body, and then no more."""

    async def app(scope, receive, send):
        if scope["type"] == "http":
            headers = [(b"content-length", b"100"), (b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"metadata"', "more_body": True})
            await trio.sleep_forever()

    return app


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_a_body_that_stops_half_way_ends_the_call_in_time(stand_in, clock: MockClock, status):
    async with served(stalling(status)) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        server, credentials = load_access(stand_in.kubeconfig)
        async with http_client(server, connections=4) as client:
            api = Calls(client, credentials)
            await in_vain(lambda: api.read(key("web")), clock, 10)


async def test_a_refused_watch_whose_reason_stops_half_way_ends_in_time(stand_in, clock: MockClock):
    async with served(stalling(403)) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        server, credentials = load_access(stand_in.kubeconfig)
        async with http_client(server, connections=4) as client:
            api = Calls(client, credentials)

            async def watch():
                async with api.watch(DEPLOYMENT, None, "1", 300):
                    raise AssertionError("it was answered")

            await in_vain(watch, clock, 10)


async def test_more_calls_than_connections_wait_for_their_turn_within_their_deadline(stand_in, clock: MockClock):
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=1) as client:
        api = Calls(client, credentials)
        stand_in.cluster.faults.add(Fault(delay_seconds=3600))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_vain, lambda: api.read(key("web")), clock, 10)
            await wait_all_tasks_blocked(0.02)
            with pytest.raises(ClusterUnavailable):
                await api.read(key("web"))
        assert len(stand_in.seen) == 1
        assert (await api.read(key("web"))).key == key("web")


async def test_an_api_server_that_is_away_is_said_so(stand_in, api):
    stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, "http://127.0.0.1:1"))
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=1) as client:
        with pytest.raises(ClusterUnavailable, match="ConnectError"):
            await Calls(client, credentials).read(key("web"))


ANSWERS = {
    "no JSON": (200, b"<html>", ()),
    "no object": (200, b"[]", ()),
    "not UTF-8": (200, b'{"metadata": {"name": "\xff"}}', ()),
    "empty": (200, b"", ()),
    "not gzip": (200, b"{}", ((b"content-encoding", b"gzip"),)),
    "a proxy's page": (502, b"<html>Bad Gateway</html>", ()),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none_is_waited_out(stand_in, name):
    status, body, headers = ANSWERS[name]

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": status, "headers": list(headers)})
            await send({"type": "http.response.body", "body": body, "more_body": False})

    async with served(app) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        server, credentials = load_access(stand_in.kubeconfig)
        async with http_client(server, connections=1) as client:
            with pytest.raises(ClusterUnavailable):
                await Calls(client, credentials).read(key("web"))


async def test_what_is_no_kubernetes_at_all_is_no_reason_to_end(stand_in, api):
    stand_in.cluster.tokens = {"another"}
    with pytest.raises(ClusterDenied):
        await api.read(key("web"))
