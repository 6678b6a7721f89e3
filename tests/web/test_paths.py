"""What is not exactly a route is nothing: 404, empty, whoever asks."""

import pytest

from tests.fakes.around import Around, Krt, ask, get

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
    "HEAD /healthz",
    "GET /healthz/",
    "GET /healthz?x=1",
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


async def test_health_is_answered_to_everybody(web: Krt):
    reply = await ask(web.web, get("/healthz"))
    assert (reply.status, reply.body) == (200, b"ok")
    assert reply.headers["connection"] == "close"


TRANSPORT = {
    "Expect": (417, "POST /event HTTP/1.1\r\nHost: krt\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
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
