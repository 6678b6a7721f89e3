"""Whatever answers in the API server's place: krt reads so much and no more, says so, and gets along.

Seen to fail with bodies that are read to their end, and with a list that goes on while `continue` stands there.
"""

import gzip
import json
from contextlib import aclosing, asynccontextmanager, suppress
from functools import cache, partial

import pytest
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.listing import MOST_OBJECTS, ListTooLong, Pages
from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.survey import survey
from krt.cluster.workloads.wire import READERS
from krt.core.announce.event_id import EventId
from krt.core.kube.restartable import RESTARTABLE
from krt.core.ports.workloads import Stamp
from krt.dev.cluster import deployment
from krt.errors import ClusterRefused, ClusterUnavailable
from tests.fakes.calls import Calls
from tests.fakes.keys import a_key
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.stand_in import key, write_kubeconfig

MIB = 1024 * 1024
KIND = RESTARTABLE["Deployment"]
OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
OBJECT = deployment("web", "shop", "ghcr.io/acme/shop:dev")
WORKLOAD = READERS["Deployment"].one(json.dumps(OBJECT).encode())


class Server:
    """Answers each request with what `answer` sends; counts what was taken of it."""

    def __init__(self, answer):
        self.answer = answer
        self.sent = 0
        self.requests = []

    async def __call__(self, stream):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (chunk := await stream.receive_some()):
                return
            head += chunk
        target = head.split(b" ")[1].decode()
        self.requests.append(target)
        async with aclosing(self.answer(target)) as pieces:
            with suppress(trio.BrokenResourceError):
                async for piece in pieces:
                    await stream.send_all(piece)
                    self.sent += len(piece)


@asynccontextmanager
async def serving(tmp_path, answer):
    server = Server(answer)
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, server, 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        path = write_kubeconfig(tmp_path, {"server": url}, {"token": "t"})
        access, credentials = load_access(path)
        async with http_client(access, connections=4) as client:
            yield server, Calls(client, credentials), path
        nursery.cancel_scope.cancel()


def endless(head, piece):
    async def answer(_target):
        yield head
        while True:
            yield piece

    return answer


def saying(body, status="200 OK", headers=b""):
    async def answer(_target):
        yield b"HTTP/1.1 %s\r\nconnection: close\r\n%scontent-length: %d\r\n\r\n" % (
            status.encode(),
            headers,
            len(body),
        )
        yield body

    return answer


BLANK = b" " * 65_536
CHUNK = b"10000\r\n" + BLANK + b"\r\n"


@cache
def bomb():
    """Not a constant: each worker of pytest-xdist imports every module, and this takes most of a second."""
    return gzip.compress(b" " * 200 * MIB, 9)


def packed(target):
    return saying(bomb(), headers=b"content-encoding: gzip\r\n")(target)


ENDLESS = {
    "without a length": endless(OK + b"\r\n", BLANK),
    "300 MB announced": endless(OK + b"content-length: 300000000\r\n\r\n", BLANK),
    "chunks": endless(OK + CHUNKED, CHUNK),
    "a long string": endless(OK + b'\r\n{"metadata": {"name": "', b"x" * 65_536),
    "gzip": packed,
}
CALLS = {
    "get": lambda api: api.read(key("web")),
    "patch": lambda api: api.restart(WORKLOAD, Stamp("m", "c", "2026-01-01T00:00:00Z", EventId(1, 0))),
    "list": lambda api: api.list_page(KIND, None, None),
    "newest version": lambda api: api.newest_version(KIND, None),
    "uid": lambda api: api.namespace_uid("kube-system"),
    "who": lambda api: api.who_am_i(),
    "event": lambda api: api.create_event("shop", {}),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ENDLESS)
async def test_no_answer_is_read_without_a_bound(tmp_path, name, call):
    async with serving(tmp_path, ENDLESS[name]) as (server, api, _):
        with trio.fail_after(60), pytest.raises(ClusterUnavailable, match=r"an answer of more than \d+ KiB"):
            await CALLS[call](api)
    assert server.sent < 32 * MIB  # and what lies in sockets


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity", "403 Forbidden"])
async def test_of_a_refusal_its_status_counts_however_long_it_is(tmp_path, status):
    async with serving(tmp_path, endless(f"HTTP/1.1 {status}\r\n\r\n".encode(), BLANK)) as (server, api, _):
        with pytest.raises((ClusterRefused, Exception), match=status[:3]):
            await api.read(key("web"))
    assert server.sent < 16 * MIB


async def test_a_line_of_a_watch_has_a_bound(tmp_path):
    async with serving(tmp_path, endless(OK + b"\r\n", b"x" * 65_536)) as (server, api, _):
        with pytest.raises(ClusterUnavailable, match="a line of more than"):
            async with api.watch(KIND, None, "1", 240) as lines:
                await anext(lines)
    assert server.sent < 16 * MIB


DEEP = {
    "lists": b'{"metadata": {"name": "web"}, "x": ' + b"[" * 1_000_000,
    "objects": b'{"x": ' + b'{"x": ' * 200_000,
    "null": b"null",
    "a number": b"1",
    "words": b"hello",
    "not UTF-8": b'{"metadata": {"name": "\xff", "continue": "\xff"}, "status": {"userInfo": {"uid": "\xff"}}}',
}


@pytest.mark.parametrize("name", DEEP)
async def test_an_answer_that_is_no_object_ends_nothing(tmp_path, name):
    async with serving(tmp_path, saying(DEEP[name])) as (_, api, _):
        for call in ("get", "list", "uid", "who"):
            with pytest.raises(ClusterUnavailable):
                await CALLS[call](api)


# lists


def page(items, token=None, version="5"):
    return json.dumps({"metadata": {"resourceVersion": version, "continue": token}, "items": items}).encode()


def number(target, name):
    found = [part.partition("=")[2] for part in target.partition("?")[2].split("&") if part.startswith(name + "=")]
    return found[0] if found else ""


def listing(next_token, *, names=lambda _n: 1):
    """A list whose pages never end: each names another object."""

    async def answer(target):
        place = int("".join(filter(str.isdigit, number(target, "continue"))) or 0)
        items = [{"metadata": {"name": f"w{place}-{n}", "namespace": "shop"}} for n in range(names(place))]
        async with aclosing(saying(page(items, next_token(place)))(target)) as pieces:
            async for piece in pieces:
                yield piece

    return answer


async def _names(api):
    return [each.key.name async for part in Pages(api.transport, READERS["Deployment"], None) for each in part.objects]


ENDLESS_LISTS = {
    "the same token": lambda _place: "again",
    "another token each time": lambda place: f"token{place + 1}",
    "two tokens by turns": lambda place: f"token{1 - place}",
    "a token that grows": lambda place: f"token{place + 1}" + "x" * (place * 4000),
}


@pytest.mark.parametrize("name", ENDLESS_LISTS)
async def test_a_list_that_never_ends_is_given_up(tmp_path, name):
    async with serving(tmp_path, listing(ENDLESS_LISTS[name])) as (server, api, _):
        with pytest.raises(ListTooLong, match=r"the list of deployments"):
            await _names(api)
    assert len(server.requests) <= MOST_OBJECTS / 250


async def test_krt_explain_says_it_too(tmp_path):
    async with serving(tmp_path, listing(ENDLESS_LISTS["the same token"])) as (_, _, path):
        with pytest.raises(ClusterUnavailable, match="same continue token for ever"):
            await survey(path, kinds=("Deployment",), namespaces=())


async def test_a_list_that_is_given_up_leaves_nothing_of_it_and_takes_nothing_away(tmp_path):
    known = READERS["Deployment"].one(json.dumps(OBJECT).encode())
    index, scope = WorkloadIndex(), Scope(READERS["Deployment"], None)
    index.put(known)
    endless_list = serving(tmp_path, listing(ENDLESS_LISTS["two tokens by turns"]))
    async with endless_list as (_, api, _), trio.open_nursery() as nursery:
        nursery.start_soon(reflect, scope, api.transport, index)
        await until_on_wall_clock(lambda: "has not ended" in (scope.state.problem or ""), within_seconds=60)
        nursery.cancel_scope.cancel()
    assert index.get(known.key) is known
    assert index.get(a_key("Deployment", "shop", "w0-0")) is None
    assert not scope.state.listed.is_set()


async def test_where_a_page_is_too_large_fewer_objects_are_asked_for(tmp_path):
    """300 objects of 256 KiB each are 75 MiB: no page of 250 of them is read."""
    filler = "x" * 256 * 1024

    async def answer(target):
        begin, limit = int(number(target, "continue") or 0), int(number(target, "limit"))
        end = min(300, begin + limit)
        names = [{"metadata": {"name": f"w{n}", "annotations": {"a": filler}}} for n in range(begin, end)]
        async with aclosing(saying(page(names, str(end) if end < 300 else None))(target)) as pieces:
            async for piece in pieces:
                yield piece

    async with serving(tmp_path, answer) as (server, api, _):
        found = await _names(api)
    assert found == [f"w{n}" for n in range(300)]
    assert {number(target, "limit") for target in server.requests} == {"250", "31"}


async def test_a_page_of_a_million_tiny_objects_is_not_decoded(tmp_path):
    body = b'{"metadata": {}, "items": [' + b",".join([b'{"metadata":{}}'] * 900_000) + b"]}"
    async with serving(tmp_path, saying(body)) as (_, api, _):
        with pytest.raises(ClusterUnavailable, match="more objects than were asked for"):
            await api.list_page(KIND, None, None)
