"""Rows A1 to A19 against the real process: what is no plain HTTP/1.1, too much or too slow ends its connection only.

The table is the transport's own (tests/serving), so that each of its rows also leaves Valkey alone and the door open.
"""

import json
import re
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import trio

from tests.door.door import BODY, D401, PROXY, Door, Watch, constant, request, unordered
from tests.door.process import krt_web
from tests.door.surroundings import Surroundings
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_trio_clock
from tests.serving.raw import read_to_end
from tests.serving.requests import ACCEPTED, REFUSED

D404 = b"HTTP/1.1 404 \r\ncontent-length: 0\r\nx-request-id: *\r\nconnection: close\r\ndate: *\r\n\r\n"


def as_events(sent: bytes) -> bytes:
    """The transport's request, for a path that exists here."""
    return sent.replace(b"GET /ok ", b"POST /event ").replace(b" /read ", b" /event ")


# What only the body's length condemns is answered before the body is looked at: with the constant 401.
BY_BODY = {name for name in REFUSED if "body" in name or "chunk" in name}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_not_plain_http_1_is_refused_and_does_nothing(name: str, door: Door, watch: Watch) -> None:
    sent, status = REFUSED[name]
    async with watch.nothing_accepted():
        for wanted in (sent, as_events(sent)):
            reply = await door.exchange(wanted)
            assert reply.status == status or (name in BY_BODY and constant(reply) in {D401, D404})
            assert reply.body == b""
            assert reply.headers["connection"] == "close"
            assert "server" not in reply.headers
            assert reply.received.count(b"HTTP/1.1 ") == 1
    assert watch.fetches() == 0


@pytest.mark.parametrize(
    "line",
    [
        *(b"POST " + path for path in (b"/%65vent", b"//event", b"/event/", b"/event;x", b"/event?", b"/event?x=1")),
        *(
            b"POST " + path
            for path in (
                b"/",
                b"/Event",
                b"/EVENT",
                b"/event%20",
                b"/event%00",
                b"/./event",
                b"/x/../event",
                b"/%ff%00",
            )
        ),
        *(
            b"POST " + path
            for path in (
                b"/events",
                b"/healthz",
                b"/metrics",
                b"/event/dry-run/",
                b"/event/dry-run?",
                b"/event//dry-run",
            )
        ),
        *(method + b" /event" for method in (b"GET", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH", b"POSTS", b"X")),
        *(
            b"GET " + path
            for path in (b"/metrics", b"/readyz", b"/readyz?", b"/healthz/", b"/healthz/?x", b"/static/x", b"/x.ico")
        ),
        *(
            b"GET " + path
            for path in (
                b"/events/",
                b"/events/1",
                b"/events/1-0/",
                b"/events/1-0?",
                b"/events/1-0?wait=",
                b"/events/-1-0",
            )
        ),
        *(b"GET " + path for path in (b"/events/1-0?wait=1&x=1", b"/events/1-0?WAIT=1", b"/events/1-0?wait=-1")),
        *(
            b"GET " + path
            for path in (b"/events/1-0?wait=1e3", b"/events/%31-0", b"/events/1-0?wait=99999", b"/x?" + b"a" * 8000)
        ),
    ],
    ids=lambda line: line[:40].decode(),
)
async def test_any_other_path_or_method_is_an_empty_404(line: bytes, door: Door, watch: Watch) -> None:
    method, _, path = line.partition(b" ")
    async with watch.nothing_accepted():
        sent, before = request(token=door.newcomer(), path=path).replace(b"POST", method, 1), await others(door)
        assert constant(await door.exchange(sent)) == D404
        assert await others(door) == before + 1


async def others(door: Door) -> float:
    """How many requests were none of a path that exists: that an event is unknown is answered the same."""
    return await door.metric("krt_requests_total", path="other")


@pytest.mark.parametrize(
    "name",
    [
        *("HTTP/1.0 without Host", "an IPv6 Host", "HEAD", "50 headers", "a header beyond ASCII"),
        *(name for name in ACCEPTED if "h2c" in name or "websocket" in name or "Expect" in name or "absolute" in name),
        "an empty line first",
    ],
)
async def test_odd_but_plain_requests_are_answered(name: str, door: Door) -> None:
    sent, *_ = ACCEPTED[name]
    # An answer to HTTP/1.0 has its headers in h11's own order.
    assert unordered(await door.exchange(as_events(sent))) in (unordered(D401), unordered(D404))


async def test_health_says_ok_and_no_more(door: Door) -> None:
    reply = await door.exchange(request(method=b"GET", path=b"/healthz", body=b"", content_type=None))
    assert (reply.status, reply.body) == (200, b"ok")


async def test_a_request_id_from_outside_is_not_taken(door: Door) -> None:
    reply = await door.exchange(request(b"X-Request-Id: forged"))
    assert re.fullmatch("[0-9a-f]{16}", reply.headers["x-request-id"])


# Rows A10 to A15: what comes late, or never


async def test_slow_heads_and_slow_bodies_are_cut_and_hold_up_nobody(door: Door, watch: Watch) -> None:
    head = request(token=door.newcomer()).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    stranger = request().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    ends: dict[str, tuple[int, float]] = {}

    async def attack(name: str, *pieces: bytes, drip: bytes = b"") -> None:
        began = trio.current_time()
        async with await door.connect() as stream:
            for piece in pieces:
                await stream.send_all(piece)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(drips, stream, drip)
                reply = await read_to_end(stream)
                nursery.cancel_scope.cancel()
        ends[name] = (reply.status, trio.current_time() - began)

    async def drips(stream: trio.SocketStream, drip: bytes) -> None:
        with suppress(trio.BrokenResourceError):
            for number in range(len(drip)):
                await trio.sleep(0.5)
                await stream.send_all(drip[number : number + 1])

    assert (await door.exchange(door.good())).status == 202  # the first event makes the journal's keys, too
    keys = await watch.keys()
    with trio.fail_after(slack(12)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attack, "nothing")
            nursery.start_soon(attack, "half a head", head[:30])
            nursery.start_soon(lambda: attack("a dripping head", drip=head))
            nursery.start_soon(attack, "a stranger without body", stranger)
            nursery.start_soon(attack, "a caller without body", head)
            nursery.start_soon(lambda: attack("a dripping body", head, drip=b" " * 100))
            await trio.sleep(0.5)  # every attack is under way
            for _ in range(5):
                assert (await door.exchange(door.good())).status == 202
    assert ends["a stranger without body"][0] == 401
    assert ends["a stranger without body"][1] < slack(1)
    assert {name for name, (status, _) in ends.items() if status == 0} == {"nothing", "half a head", "a dripping head"}
    assert {name for name, (status, _) in ends.items() if status == 408} == {"a caller without body", "a dripping body"}
    assert max(seconds for _, seconds in ends.values()) < slack(7)
    assert await watch.entries() >= 5
    assert await watch.keys() == keys + 2 * 5  # a report and a spent token each
    assert watch.fetches() == 0
    await door.assert_open()


async def test_who_does_not_read_its_answer_keeps_no_place(door: Door, watch: Watch, held: AsyncExitStack) -> None:
    event = json.loads((await door.exchange(door.good(repository_id="32"))).body)["id"]
    poll = request(method=b"GET", path=b"/events/" + event.encode(), body=b"", token=door.token(repository_id="32"))
    entries = await watch.entries()
    for sent in [request(), poll, request(path=b"/nothing")] * 5 + [door.good() for _ in range(5)]:
        stream = await held.enter_async_context(await door.connect("127.0.0.3"))
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        await stream.send_all(sent)
    with trio.fail_after(slack(5)):
        await door.metric_comes_to(0, "krt_connections_open")
    assert await watch.entries() == entries + 5
    assert watch.fetches() == 0
    await door.assert_open()


async def test_a_refusal_is_readable_while_megabytes_are_still_coming(door: Door, watch: Watch) -> None:
    head = request().replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked").partition(b"\r\n\r\n")[0]
    async with watch.nothing_accepted():
        async with await door.connect() as stream:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(head + b"\r\n\r\n")
                for _ in range(64):
                    await stream.send_all(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            reply = await read_to_end(stream)
        assert reply.reset or constant(reply) == D401


async def test_a_second_request_behind_a_refused_or_an_accepted_one_is_not_answered(door: Door, watch: Watch) -> None:
    async with watch.nothing_accepted():
        reply = await door.exchange(request() + door.good())
        assert reply.received.count(b"HTTP/1.1") == 1
    before = await watch.entries()
    reply = await door.exchange(door.good() + door.good())
    assert reply.received.count(b"HTTP/1.1") == 1
    assert await watch.entries() == before + 1


async def test_resets_in_the_middle_do_nothing(door: Door, watch: Watch) -> None:
    sent = door.good()
    async with watch.nothing_accepted():
        for cut in (0, 1, 20, len(sent) - len(BODY), len(sent) - 1):
            stream = await door.connect()
            await stream.send_all(sent[:cut])
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()


# Row A16: many connections


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4000, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def hold(door: Door, number: int, held: AsyncExitStack, sources: list[str | None]) -> None:
    for turn in range(number):
        await held.enter_async_context(await door.connect(sources[turn % len(sources)]))


@pytest.fixture
async def held() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as held:
        yield held


async def test_one_peer_cannot_take_the_places_of_others(door: Door, held: AsyncExitStack) -> None:
    await hold(door, 70, held, ["127.0.0.3"])
    assert (await door.exchange(door.good(), source="127.0.0.3")).status == 0
    assert (await door.exchange(door.good(), source="127.0.0.2")).status == 202
    assert await door.metric("krt_connections_open") >= 64
    assert await door.metric("krt_transport_denials_total", reason="too-many-connections-of-peer") >= 7
    assert (await door.probe("/readyz")).status == 200


async def test_a_trusted_proxy_has_as_many_places_as_there_are(door: Door, held: AsyncExitStack) -> None:
    await hold(door, 70, held, [PROXY])
    assert (await door.exchange(door.good(), source=PROXY)).status == 202


async def settled(door: Door) -> int:
    await trio.sleep(0.2)  # a connection is no longer counted before its descriptor is closed
    return door.process.descriptors()


@pytest.mark.slow
async def test_800_idle_connections_leave_nothing_and_hold_up_nobody(
    around: Surroundings, environ: dict[str, str], tmp_path: Path, many_files: None
) -> None:
    with krt_web(tmp_path, environ) as process:
        door, peers = Door(around, process), [f"127.0.1.{number}" for number in range(1, 14)]
        await door.assert_open()
        descriptors, memory = await settled(door), process.resident_bytes()
        async with AsyncExitStack() as held:
            await hold(door, 800, held, peers)
        assert process.resident_bytes() - memory < 10_000_000
        await door.metric_comes_to(0, "krt_connections_open")
        async with AsyncExitStack() as held:
            await hold(door, 800, held, peers)
            for _ in range(20):
                assert (await door.exchange(door.good(), source="127.0.0.2")).status == 202
                proxied = door.good().replace(b"Host:", b"X-Forwarded-For: 192.0.2.7\r\nHost:", 1)
                assert (await door.exchange(proxied, source=PROXY)).status == 202
            assert (await door.probe("/healthz")).status == 200
        await until_on_trio_clock(lambda: process.descriptors() <= descriptors + 2)
        assert process.resident_bytes() - memory < 10_000_000
        assert process.events("request_ended")[-1]["peer"] in {"192.0.2.7", "127.0.0.2"}
        await door.assert_open()
        door.assert_log_keeps_secrets()


@pytest.mark.slow
async def test_10_000_short_connections_leave_nothing_and_hold_up_nobody(door: Door) -> None:
    await door.assert_open()
    descriptors, memory, sent = await settled(door), door.process.resident_bytes(), request()

    async def knock(turn: int) -> None:
        stream = await door.connect(f"127.0.2.{turn % 13 + 1}")
        with suppress(trio.BrokenResourceError):
            await stream.send_all(sent[: (turn * 7) % len(sent)])
        await stream.aclose()

    for turn in range(0, 10_000, 50):
        async with trio.open_nursery() as nursery:
            for offset in range(50):
                nursery.start_soon(knock, turn + offset)
        if turn % 1000 == 0:
            assert (await door.exchange(door.good(), source="127.0.0.2")).status == 202
    await until_on_trio_clock(lambda: door.process.descriptors() <= descriptors + 2)
    assert door.process.resident_bytes() - memory < 10_000_000
    assert len(door.process.events("connection_denied")) < 2000
    assert door.process.events("lines_left_out")
    await door.assert_open()


async def test_a_thousand_short_connections_leave_nothing(door: Door) -> None:
    descriptors, sent = await settled(door), request()
    for turn in range(1000):
        stream = await door.connect(f"127.0.2.{turn % 13 + 1}")
        await stream.send_all(sent[: (turn * 7) % len(sent)])
        await stream.aclose()
    await until_on_trio_clock(lambda: door.process.descriptors() <= descriptors + 2)
    await door.assert_open()
