"""What is not exactly a route is nothing: 404, empty, whoever asks."""

import pytest
import trio

from tests.fakes.around import Around, Krt, ask, get, post
from tests.serving.raw import read_to_end

NOWHERE = [
    "POST /event/",
    "POST //event",
    "POST /%65vent",
    "POST /event?x=1",
    "POST /event?wait=1",
    "POST /event;a",
    "POST /event%00",
    "POST /event%2F",
    "POST /event%20",
    "POST /./event",
    "POST /a/../event",
    "POST /EVENT",
    "POST /Event",
    "POST /",
    "POST /events",
    "POST /event/dry-run/",
    "POST /event/dry-run?x",
    "POST /event/dryrun",
    "POST /events/1-0",
    "POST /healthz",
    "PUT /event",
    "PATCH /event",
    "DELETE /event",
    "GET /event",
    "HEAD /event",
    "OPTIONS /event",
    "OPTIONS /healthz",
    "GET /healthz/",
    "HEAD /healthz/",
    "HEAD /events",
    "HEAD /events/abc",
    "GET //healthz",
    "GET /events",
    "GET /events/",
    "GET /events/abc",
    "GET /events/1-0/",
    "GET /events/1-0?wait=",
    "GET /events/1-0?wait=x",
    "GET /events/1-0?wait=-1",
    "GET /events/1-0?wait=1&wait=2",
    "GET /events/1-0?Wait=1",
    "GET /events/%31-0",
    "GET /events/1%2D0",
    "GET /events/1-0%0A",
    "GET /events/..%2Fevent",
    "GET /readyz",
    "GET /metrics",
    "GET /static/app.js",
    "GET /favicon.ico",
    "GET /.env",
    "BREW /event",
]


def asking(line: str, token: str) -> bytes:
    head = f"{line} HTTP/1.1\r\nHost: krt\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    body = b'{"image":"ghcr.io/acme/shop","tags":["dev"]}'
    length = len(body) if not line.startswith(("GET", "HEAD", "OPTIONS")) else 0
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body[:length]


async def test_whatever_is_not_exactly_a_route_is_not_there(around: Around, web: Krt):
    token = around.token()
    for line in NOWHERE:
        reply = await ask(web.web, asking(line, token))
        assert (line, reply.status, reply.body) == (line, 404, b"")
        assert sorted(reply.headers) == ["connection", "content-length", "date", "x-request-id"]
        assert reply.headers["content-length"] == "0"
    assert await around.journaled() == []


async def test_what_is_not_there_is_so_for_strangers_too(web: Krt):
    for line in NOWHERE[::7]:
        assert (await ask(web.web, asking(line, "garbage"))).status == 404


HEALTH = ["/healthz", "/healthz?", "/healthz?x=1", "/healthz?probe=http://a/b?c&d", "http://krt.example.com/healthz?a"]


@pytest.mark.parametrize("target", HEALTH)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health_is_answered_to_everybody(web: Krt, method: str, target: str):
    """Seen to fail with the route GET /healthz alone: load balancers got 404."""
    reply = await ask(web.web, get(target).replace(b"GET", method.encode(), 1))
    assert (reply.status, reply.body) == (200, b"ok" if method == "GET" else b"")
    assert reply.headers["content-length"] == "2"
    assert reply.headers["connection"] == "close"


PROBES = ["/healthz", "/healthz?x=1", "/readyz", "/readyz?verbose", "/metrics"]


@pytest.mark.parametrize("target", PROBES)
async def test_the_probes_of_the_admin_listener_take_head_and_a_query(web: Krt, target: str):
    wanted = await ask(web.admin, get(target))
    reply = await ask(
        web.admin, get(target).replace(b"GET", b"HEAD", 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    assert (reply.status, reply.body, wanted.status) == (200, b"", 200)


async def test_a_report_has_a_head(around: Around, web: Krt):
    where = (await web.post(around.token())).headers["location"]
    asked = get(where, around.token())
    whole, head = await ask(web.web, asked), await ask(web.web, asked.replace(b"GET", b"HEAD", 1))
    assert (whole.status, head.status, head.body) == (200, 200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    stranger = await ask(web.web, get(where, "garbage").replace(b"GET", b"HEAD", 1))
    assert (stranger.status, stranger.body) == (401, b"")


OFFERS = [
    "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Connection: upgrade\nUpgrade: TLS/1.2",
    "Upgrade: h2c, h3",
    "Connection: keep-alive, Upgrade\nUpgrade: h2c\nUpgrade: websocket",
    "Expect: 100-continue",
]


@pytest.mark.parametrize("more", OFFERS)
async def test_what_a_client_offers_besides_is_passed_over(around: Around, web: Krt, more: str):
    """Seen to fail with each such head refused: 400, 417."""
    assert (await web.post(around.token(), more=more)).status == 202
    assert (await web.post("garbage", more=more)).status == 401
    assert len(await around.journaled()) == 1


async def test_a_known_caller_that_waits_is_told_to_continue_and_a_stranger_never(around: Around, web: Krt):
    head, _, body = post(around.token(), more="Expect: 100-continue").partition(b"\r\n\r\n")
    async with await trio.open_tcp_stream(web.web.host, web.web.port) as stream:
        with trio.fail_after(10):
            await stream.send_all(head + b"\r\n\r\n")
            assert await stream.receive_some() == b"HTTP/1.1 100 \r\n\r\n"
            await stream.send_all(body)
            assert (await read_to_end(stream)).status == 202


UNTOLD = {
    "a stranger": (401, lambda _: post("garbage", more="Expect: 100-continue")),
    "no token": (401, lambda _: post(None, more="Expect: 100-continue")),
    "another path": (404, lambda around: post(around.token(), path="/other", more="Expect: 100-continue")),
    "another type": (415, lambda around: post(around.token(), more="Expect: 100-continue\nContent-Type: text/plain")),
    "a body too large": (413, lambda around: post(around.token(), b"x" * 9000, more="Expect: 100-continue")),
    "health": (200, lambda _: post(None, path="/healthz", more="Expect: 100-continue").replace(b"POST", b"GET", 1)),
}


@pytest.mark.parametrize("name", UNTOLD)
async def test_nobody_else_is_told_to_continue(around: Around, web: Krt, name: str):
    status, asked = UNTOLD[name]
    reply = await ask(web.web, asked(around).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    assert (reply.status, reply.received.count(b"HTTP/1.1 ")) == (status, 1)


TRANSPORT = {
    "another Expect": (417, "POST /event HTTP/1.1\r\nHost: krt\r\nExpect: tea\r\nContent-Length: 5\r\n\r\nabcde"),
    "two lengths": (400, "POST /event HTTP/1.1\r\nHost: k\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
    "length and chunks": (
        400,
        "POST /event HTTP/1.1\r\nHost: k\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "another host": (400, "POST http://other.example.com/event HTTP/1.1\r\nHost: krt\r\nContent-Length: 0\r\n\r\n"),
    "many headers": (431, "GET /healthz HTTP/1.1\r\nHost: krt\r\n" + "X-A: b\r\n" * 60 + "\r\n"),
    "no HTTP": (400, "hello\r\n\r\n"),
}


@pytest.mark.parametrize("name", TRANSPORT)
async def test_garbage_is_answered_before_anything_is_asked(web: Krt, name: str):
    status, text = TRANSPORT[name]
    reply = await ask(web.web, text.encode())
    assert (reply.status, reply.body, reply.headers["connection"]) == (status, b"", "close")
