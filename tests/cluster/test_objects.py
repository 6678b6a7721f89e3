"""What the calls on objects do with a server that is slow, full or none; all else stands in tests/contract."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.cluster.access import http_client, load_access
from krt.cluster.object_errors import NotServed, TooManyRequests
from krt.cluster.objects import apply, delete, read
from krt.cluster.transport import AnswerTooLarge, Transport
from krt.core.kube.builtin import SECRET
from krt.core.kube.restartable import DEPLOYMENT
from krt.dev.cluster import Fault
from krt.errors import ClusterUnavailable
from tests.fakes.served import served

KEY = DEPLOYMENT.key("shop", "web")


@pytest.fixture
async def transport(stand_in):
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=1) as client:
        yield Transport(client, credentials)


async def test_a_full_server_says_when_to_come_back(stand_in, transport):
    stand_in.cluster.faults.add(Fault(status=429, retry_after_seconds=7))
    with pytest.raises(TooManyRequests) as refused:
        await read(transport, DEPLOYMENT, KEY)
    assert refused.value.retry_after_seconds == 7


async def test_a_call_that_is_not_answered_ends_in_time(stand_in, transport, clock: MockClock):
    """A webhook of admission may take 30 s: an apply has longer than that."""
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_jump, clock, 39)
        nursery.start_soon(_jump, clock, 1)
        with pytest.raises(ClusterUnavailable, match="no answer within 40 s"):
            await apply(transport, DEPLOYMENT, KEY, {}, manager="krt-1")
    assert trio.current_time() - began >= 40


async def _jump(clock: MockClock, seconds: float) -> None:
    await wait_all_tasks_blocked(0.05)
    clock.jump(seconds)


async def test_the_callers_own_deadline_ends_a_call_earlier(stand_in, transport, clock: MockClock):
    stand_in.cluster.faults.add(Fault(delay_seconds=3600))
    with trio.move_on_after(0.1) as scope:
        await delete(transport, DEPLOYMENT, KEY, uid="x")
    assert scope.cancelled_caught


def answering(status: int, body: bytes):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})

    return app


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", "not the expected JSON"),
        (200, b"[]", "not the expected JSON"),
        (200, b"{}", "not the expected JSON: it is not an object"),
        (200, b'{"metadata": 5}', "it is not an object"),
        (200, b'{"metadata": {"name": "\xff"}}', "not the expected JSON"),
        (502, b"<html>canary", "502 without an API server's Status object"),
    ],
)
async def test_an_answer_that_is_none_is_said_to_be_none(stand_in, status: int, body: bytes, error: str):
    async with served(answering(status, body)) as url:
        with pytest.raises(ClusterUnavailable, match=error) as failed:
            await _read(stand_in, url)
    assert "canary" not in str(failed.value)


async def test_what_is_no_api_server_is_not_called_one_that_lacks_secrets(stand_in):
    async with served(answering(404, b"404 page not found")) as url:
        with pytest.raises(NotServed, match="no Secret of v1: 404 without an API server's Status object"):
            await _read(stand_in, url)


async def test_a_larger_answer_than_any_object_is_not_read(stand_in):
    async with served(answering(200, b'{"metadata": {}, "a": "' + b"x" * 5 * 1024 * 1024)) as url:
        with pytest.raises(AnswerTooLarge, match="more than 4096 KiB"):
            await _read(stand_in, url)


async def _read(stand_in, url: str) -> None:
    stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=1) as client:
        await read(Transport(client, credentials), SECRET, SECRET.key("shop", "bundle"))
