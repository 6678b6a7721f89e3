"""No call outlasts its deadline, and no connection on which one did is used again."""

from collections.abc import Awaitable, Callable
from time import perf_counter

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.cluster.access import http_client, load_access
from krt.core.kube.restartable import DEPLOYMENT
from krt.dev.cluster import Fault, deployment
from krt.errors import ClusterDenied, ClusterUnavailable
from tests.fakes.calls import Calls
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, key


@pytest.fixture
async def api(stand_in):
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=4) as client:
        yield Calls(client, credentials)


async def until(condition: Callable[[], bool]) -> None:
    """Until the condition holds and nothing goes on, while the clock stands still."""
    ends_at = perf_counter() + PATIENCE_SECONDS
    while not condition():
        assert perf_counter() < ends_at
        await wait_all_tasks_blocked(0.005)
    await wait_all_tasks_blocked(0.05)


async def in_vain(
    call: Callable[[], Awaitable[object]], clock: MockClock, seconds: float, is_reached: Callable[[], bool]
) -> ClusterUnavailable:
    """The error that ends the call after so many seconds, and not earlier.

    The clock goes on only by jumps, and only once the server has the call: a busy machine adds no time of its own.
    """
    clock.rate = 0
    ended = trio.Event()

    async def jump() -> None:
        await until(is_reached)
        clock.jump(seconds - 0.01)
        await wait_all_tasks_blocked(0.05)
        assert not ended.is_set()
        clock.jump(0.02)
        await until(ended.is_set)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(jump)
        with pytest.raises(ClusterUnavailable) as stalled:
            await call()
        ended.set()
    clock.rate = 1
    return stalled.value


def seen(stand_in: StandIn, calls: int = 1) -> Callable[[], bool]:
    """Whether the stand-in has been sent so many calls."""
    return lambda: len(stand_in.seen) >= calls


async def test_a_call_that_is_not_answered_ends_in_time(stand_in, api, clock: MockClock):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    error = await in_vain(lambda: api.read(key("web")), clock, 10, seen(stand_in))
    assert str(error) == "no answer within 10 s"


async def test_a_page_has_longer(stand_in, api, clock: MockClock):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    await in_vain(lambda: api.list_page(DEPLOYMENT, None, None), clock, 60, seen(stand_in))


async def test_a_watch_that_is_not_answered_ends_in_time(stand_in, api, clock: MockClock):
    async def watch():
        async with api.watch(DEPLOYMENT, None, "1", 300):
            raise AssertionError("it was answered")

    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    await in_vain(watch, clock, 10, seen(stand_in))


async def test_the_connection_of_a_stalled_call_is_not_used_again(stand_in, api, clock: MockClock):
    await api.read(key("web"))
    await api.read(key("web"))
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    await in_vain(lambda: api.read(key("web")), clock, 10, seen(stand_in, 3))
    await api.read(key("web"))
    first, second, stalled, after = (call.port for call in stand_in.seen)
    assert first == second == stalled != after


async def test_the_connection_of_a_call_that_was_cancelled_is_not_used_again(stand_in, api):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(api.read, key("web"))
        await until_on_wall_clock(seen(stand_in))
        nursery.cancel_scope.cancel()
    assert (await api.read(key("web"))).key == key("web")
    cancelled, after = (call.port for call in stand_in.seen)
    assert cancelled != after


def stalling(status: int, answered: trio.Event):
    """Answers with a head and half a body, sets `answered`, and then no more."""

    async def app(scope, receive, send):
        if scope["type"] == "http":
            headers = [(b"content-length", b"100"), (b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"metadata"', "more_body": True})
            answered.set()
            await trio.sleep_forever()

    return app


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_a_body_that_stops_half_way_ends_the_call_in_time(stand_in, clock: MockClock, status):
    answered = trio.Event()
    async with served(stalling(status, answered)) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        server, credentials = load_access(stand_in.kubeconfig)
        async with http_client(server, connections=4) as client:
            api = Calls(client, credentials)
            await in_vain(lambda: api.read(key("web")), clock, 10, answered.is_set)


async def test_a_refused_watch_whose_reason_stops_half_way_ends_in_time(stand_in, clock: MockClock):
    answered = trio.Event()
    async with served(stalling(403, answered)) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        server, credentials = load_access(stand_in.kubeconfig)
        async with http_client(server, connections=4) as client:
            api = Calls(client, credentials)

            async def watch():
                async with api.watch(DEPLOYMENT, None, "1", 300):
                    raise AssertionError("it was answered")

            await in_vain(watch, clock, 10, answered.is_set)


async def test_more_calls_than_connections_wait_for_their_turn_within_their_deadline(stand_in, clock: MockClock):
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=1) as client:
        api = Calls(client, credentials)
        stand_in.cluster.faults.add(Fault(delay_seconds=3600))

        async def both():
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(fails)
            raise ClusterUnavailable("both")

        async def fails():
            with pytest.raises(ClusterUnavailable):
                await api.read(key("web"))

        await in_vain(both, clock, 10, seen(stand_in))
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
