"""The transport's rows of the attack table: each is turned away, and the next good request is answered."""

import re

import pytest
import trio

from krt.serving.denial import Denial
from krt.serving.gate import TurnedAway
from tests.serving.raw import GOOD, answer, read_one, read_to_end, running
from tests.serving.requests import ACCEPTED, REFUSED, THREE, WEBSOCKET, get, head, post

CONTINUE = b"HTTP/1.1 100 \r\n\r\n"


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_not_plain_http_1_is_refused_with_an_empty_closing_answer(sent, status, patient_clock, caplog):
    async with running() as server:
        reply = await server.send(sent)
        assert reply.status == status
        assert reply.body == b""
        assert reply.headers.keys() == {"content-length", "connection", "date", "x-request-id"}
        assert reply.headers["content-length"] == "0"
        assert reply.headers["connection"] == "close"
        assert len(server.denials) == 1
        assert Denial.CRASHED not in server.denials
        await server.assert_alive()
    assert not caplog.records


@pytest.mark.parametrize(("sent", "status", "body"), ACCEPTED.values(), ids=ACCEPTED)
async def test_plain_http_1_reaches_the_app_as_it_was_sent(sent, status, body, patient_clock):
    async with running() as server:
        reply = await server.send(sent)
        assert (reply.status, reply.body) == (status, body)
        assert reply.headers["connection"] == "close"
        assert server.denials == []


BODY = {
    "a length": (post(b"Expect: 100-continue", *THREE), b"abc", b"3"),
    "chunks": (post(b"Expect: 100-continue", b"Transfer-Encoding: chunked"), b"3\r\nabc\r\n0\r\n\r\n", b"3"),
    "an offer beside it": (
        post(b"Expect: 100-continue", b"Upgrade: h2c", b"Connection: Upgrade", *THREE),
        b"abc",
        b"3",
    ),
    "an absolute target": (post(b"Expect: 100-continue", *THREE, path=b"http://krt.example/read"), b"abc", b"3"),
    "all of 8 KiB": (post(b"Expect: 100-continue", b"Content-Length: 8192"), bytes(8192), b"8192"),
}


@pytest.mark.parametrize(("sent", "body", "length"), BODY.values(), ids=BODY)
async def test_who_waits_to_send_its_body_is_told_to_continue_and_answered(sent, body, length, patient_clock):
    """Seen to fail with the 100 left out: the body never came, 408."""
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(sent)
        assert await stream.receive_some() == CONTINUE
        await stream.send_all(body)
        reply = await read_to_end(stream)
        assert (reply.status, reply.body) == (200, length)
        assert server.denials == []


UNTOLD = {
    "an app that wants no body": (post(b"Expect: 100-continue", *THREE, path=b"/ok"), 200, 0),
    "a crash": (post(b"Expect: 100-continue", *THREE, path=b"/crash"), 500, 1),
    "a body that is declared too large": (post(b"Expect: 100-continue", b"Content-Length: 8193"), 413, 1),
    "HTTP/1.0": (head(b"POST /read HTTP/1.0", b"Expect: 100-continue", *THREE), 408, 1),
    "two framings": (post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", *THREE), 400, 1),
}


@pytest.mark.parametrize(("sent", "status", "denials"), UNTOLD.values(), ids=UNTOLD)
async def test_nobody_is_told_to_continue_whose_body_is_not_wanted(sent, status, denials, autojump_clock):
    """Seen to fail with the 100 sent as soon as the head has come, as Hypercorn does it."""
    async with running() as server:
        reply = await server.send(sent, within_seconds=20)
        assert (reply.status, reply.received.count(b"HTTP/1.1 ")) == (status, 1)
        assert len(server.denials) == denials


async def test_who_is_turned_away_by_its_head_is_not_told_to_continue(patient_clock):
    async with running(gate=lambda _: TurnedAway(401)) as server:
        reply = await server.send(post(b"Expect: 100-continue", *THREE))
        assert (reply.status, reply.received.count(b"HTTP/1.1 ")) == (401, 1)


@pytest.mark.parametrize("body", [b"", b"a"], ids=["no body", "too little of one"])
async def test_a_body_that_does_not_come_after_a_100_is_as_late_as_any(body, autojump_clock):
    async with running() as server:
        stream = await server.connect()
        began = trio.current_time()
        await stream.send_all(post(b"Expect: 100-continue", *THREE))
        assert await stream.receive_some() == CONTINUE
        await stream.send_all(body)
        assert (await read_to_end(stream)).status == 408
        assert trio.current_time() - began == pytest.approx(5, abs=1)
        assert server.denials == [Denial.BODY_TOO_SLOW]


async def test_a_body_that_grows_too_large_after_a_100_is_cut(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(post(b"Expect: 100-continue", b"Transfer-Encoding: chunked"))
        assert await stream.receive_some() == CONTINUE
        await stream.send_all(b"2001\r\n" + bytes(8193) + b"\r\n0\r\n\r\n" + GOOD)
        reply = await read_to_end(stream)
        assert (reply.status, reply.received.count(b"HTTP/1.1 ")) == (413, 1)


async def test_a_request_behind_the_body_after_a_100_is_not_answered(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(post(b"Expect: 100-continue", *THREE))
        assert await stream.receive_some() == CONTINUE
        await stream.send_all(b"abc" + GOOD)
        reply = await read_to_end(stream)
        assert (reply.body, reply.received.count(b"HTTP/1.1 ")) == (b"3", 1)


async def test_on_a_kept_connection_each_request_that_waits_is_told_to_continue(patient_clock):
    """Seen to fail with the expectation of the first request alone kept."""
    async with running(close_every_answer=False) as server:
        stream = await server.connect()
        for _ in range(3):
            await stream.send_all(b"\r\n" + post(b"Expect: 100-continue", *THREE))  # and an empty line before it
            assert await stream.receive_some() == CONTINUE
            await stream.send_all(b"abc")
            assert (await read_one(stream)).body == b"3"
        await stream.send_all(WEBSOCKET)
        assert (await read_one(stream)).body == b"ok"
        await server.ends_at_once()


@pytest.mark.parametrize("sent", [GOOD, WEBSOCKET, post(b"Content-Length: 9999"), post(path=b"/crash")])
async def test_an_answer_shows_its_own_request_id_and_no_server(sent, patient_clock):
    async with running() as server:
        first, second = await server.send(sent), await server.send(sent)
    assert "server" not in first.headers
    assert re.fullmatch(r"[0-9a-f]{16}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_the_app_knows_the_request_id_that_the_answer_shows(patient_clock):
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await answer(send, 200, scope["state"]["request_id"].encode())

    async with running(app) as server:
        reply = await server.send(get(b"X-Request-Id: forged"))
    assert reply.body.decode() == reply.headers["x-request-id"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "name",
    [
        "the least",
        "a body of 8 KiB",
        "chunks of 8 KiB",
        "an empty line first",
        "an absolute target",
        "h2c",
        "websocket in a POST with a body",
    ],
)
async def test_a_request_may_come_in_pieces(name, size, patient_clock):
    sent, status, body = ACCEPTED[name]
    cut = min(len(sent), 300)
    async with running() as server:
        pieces = [sent[i : i + size] for i in range(0, cut, size)]
        reply = await server.send(*pieces, sent[len(b"".join(pieces)) :])
        assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "name",
    [
        "bare line feeds",
        "two empty lines first",
        "an absolute target of another host",
        "any Expect",
        "a folded line",
        "a bare carriage return in a header",
        "length and chunked",
        "HTTP/2",
    ],
)
async def test_what_is_refused_is_refused_in_pieces_too(name, size, patient_clock):
    sent, status = REFUSED[name]
    async with running() as server:
        reply = await server.send(*(sent[i : i + size] for i in range(0, len(sent), size)))
        assert reply.status == status


@pytest.mark.parametrize(
    ("headers", "comes_at_once"),
    [([(b"content-length", b"2")], False), ([], True)],
    ids=["with its body, whose length it tells", "before the stream that it begins"],
)
async def test_when_the_head_of_an_answer_goes_out(headers, comes_at_once):
    may_go_on = trio.Event()

    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await may_go_on.wait()
            await send({"type": "http.response.body", "body": b"ok"})

    async with running(app) as server:
        stream = await server.connect()
        await stream.send_all(GOOD)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert stream.socket.is_readable() is comes_at_once
        may_go_on.set()
        assert (await read_to_end(stream)).status == 200
