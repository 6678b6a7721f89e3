"""What a peer can hold, and for how long: times, numbers and pieces of work."""

from contextlib import suppress

import pytest
import trio
import trio.testing

from krt.serving.denial import Denial
from tests.serving.raw import GOOD, answer, body_length, read_one, read_to_end, running
from tests.serving.requests import REFUSED

POST = b"POST %b HTTP/1.1\r\nHost: krt.example\r\nContent-Length: 100\r\n\r\n"
CHUNKED = (POST % b"/").replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
ADMIN = {"close_every_answer": False, "lifetime_seconds": None}


async def seconds_to_the_end(stream):
    started = trio.current_time()
    with trio.fail_after(100):
        reply = await read_to_end(stream)
    await stream.aclose()
    return reply, trio.current_time() - started


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /ok HTTP/1.1\r\n", GOOD[:-1]])
async def test_a_head_that_does_not_come_ends_the_connection_in_five_seconds(sent, patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(sent)
        reply, seconds = await seconds_to_the_end(stream)
        assert reply.received == b""
        assert seconds == pytest.approx(5, abs=0.1)
        assert server.denials == [Denial.HEAD_TOO_SLOW]
        await server.assert_alive()


async def test_a_head_that_drips_does_not_live_longer(patient_clock):
    async with running() as server:
        stream = await server.connect()
        started = trio.current_time()
        with suppress(trio.BrokenResourceError):
            for byte in GOOD:
                await stream.send_all(bytes([byte]))
                await trio.sleep(0.5)
        assert trio.current_time() - started <= 6.1
        await server.assert_alive()


async def test_a_refusal_before_the_body_ends_the_connection_at_once(patient_clock):
    async with running() as server:
        reply = await server.send(POST % b"/unauthorized", within_seconds=0.01)
        assert reply.status == 401
        assert reply.headers["connection"] == "close"


async def test_a_body_that_does_not_come_is_answered_408_in_five_seconds(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(POST % b"/read")
        reply, seconds = await seconds_to_the_end(stream)
        assert (reply.status, reply.body) == (408, b"")
        assert seconds == pytest.approx(5, abs=0.1)
        assert server.denials == [Denial.BODY_TOO_SLOW]
        await server.assert_alive()


async def test_an_app_that_takes_its_time_after_the_body_is_not_hurried(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(GOOD.replace(b"/ok", b"/slow"))
        reply, seconds = await seconds_to_the_end(stream)
        assert (reply.status, reply.body) == (200, b"slow")
        assert seconds == pytest.approx(25, abs=0.1)


@pytest.mark.parametrize("path", [b"/unauthorized", b"/ok"])
@pytest.mark.parametrize("name", ["a bad chunk size", "a chunk extension without end", "a chunk without its end"])
async def test_an_answer_that_needs_no_body_is_not_cut_by_a_broken_one(name, path, patient_clock):
    sent, status = REFUSED[name]
    async with running() as server:
        for _ in range(20):
            reply = await server.send(sent.replace(b"/read", path))
            assert (reply.status, reply.body) in {(status, b""), (401, b""), (200, b"ok")}


async def test_a_refusal_is_readable_while_megabytes_are_still_coming(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all((POST % b"/unauthorized").replace(b"Content-Length: 100", b"Transfer-Encoding: chunked"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_megabytes, stream)
            with trio.fail_after(2):
                reply = await read_to_end(stream)
        assert reply.status == 401
        await server.assert_alive()


async def send_megabytes(stream):
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with suppress(trio.BrokenResourceError):
        for _ in range(64):
            await stream.send_all(chunk)


async def test_a_second_request_on_a_public_connection_is_not_answered(patient_clock):
    async with running() as server:
        reply = await server.send(GOOD + GOOD)
        assert reply.received.count(b"HTTP/1.1") == 1


async def test_a_connection_is_cut_at_its_lifetime_whatever_it_does(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(GOOD.replace(b"/ok", b"/stream"))
        reply, seconds = await seconds_to_the_end(stream)
        assert reply.body.count(b"tick") in {40, 41}
        assert seconds == pytest.approx(40, abs=0.1)
        assert server.denials == [Denial.LIFETIME_OVER]
        await server.assert_alive()


@pytest.mark.parametrize(
    ("limits", "bound_seconds", "reason"),
    [
        ({}, 10, Denial.READER_TOO_SLOW),
        ({"send_seconds": 100}, 40, Denial.LIFETIME_OVER),
        (ADMIN, 10, Denial.READER_TOO_SLOW),
    ],
)
async def test_a_peer_that_does_not_read_its_answer_is_cut(limits, bound_seconds, reason, patient_clock):
    ended = trio.Event()

    async def app(scope, _receive, send):
        if scope["type"] == "http" and scope["raw_path"] == b"/huge":
            try:
                await answer(send, 200, bytes(50_000_000))
            finally:
                ended.set()
        elif scope["type"] == "http":
            await answer(send, 200, b"ok")

    async with running(app, **limits) as server:
        stream = await server.connect()
        started = trio.current_time()
        await stream.send_all(GOOD.replace(b"/ok", b"/huge"))
        with trio.fail_after(100):
            await ended.wait()
        assert trio.current_time() - started == pytest.approx(bound_seconds, abs=0.1)
        await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert server.denials == [reason]


async def test_an_app_is_cancelled_when_its_client_is_gone(patient_clock):
    cancelled = trio.Event()

    async def app(scope, _receive, _send):
        if scope["type"] == "http":
            try:
                await trio.sleep_forever()
            finally:
                cancelled.set()

    async with running(app) as server:
        stream = await server.connect()
        await stream.send_all(GOOD)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await stream.aclose()
        with trio.fail_after(1):
            await cancelled.wait()
        assert server.denials == []


async def test_an_app_hears_of_the_disconnect_even_if_it_never_read_the_body(patient_clock):
    heard = trio.Event()

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await answer(send, 200)
            while (await receive())["type"] != "http.disconnect":
                pass
            assert (await receive())["type"] == "http.disconnect"
            heard.set()

    async with running(app) as server:
        await server.send(POST.replace(b"100", b"4000") % b"/", bytes(2000), bytes(2000))
        with trio.fail_after(1):
            await heard.wait()


async def test_the_number_of_connections_is_capped(patient_clock):
    async with running(max_connections=3, max_connections_per_peer=None) as server:
        held = [await server.connect() for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        reply = await server.send(GOOD)
        assert reply.status == 0
        assert server.denials == [Denial.TOO_MANY_CONNECTIONS]
        for stream in held:
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.01)
        await server.assert_alive()


async def test_one_peer_cannot_take_the_connections_of_others(patient_clock):
    async with running(max_connections_per_peer=2) as server:
        held = [await server.connect("127.0.0.2") for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        over = await server.connect("127.0.0.2")
        assert (await read_to_end(over)).received == b""
        assert server.denials == [Denial.TOO_MANY_CONNECTIONS_OF_PEER]
        await server.assert_alive()
        for stream in [*held, over]:
            await stream.aclose()


async def test_a_trusted_proxy_has_no_cap_of_its_own(patient_clock, trusted):
    async with running(max_connections_per_peer=2, trusted_proxies=trusted) as server:
        held = [await server.connect("127.0.0.2") for _ in range(10)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert server.denials == []
        for stream in held:
            await stream.aclose()


async def test_two_listeners_in_one_nursery_have_their_own_limits(patient_clock):
    async with running(max_headers=3) as narrow, running(max_headers=30, **ADMIN) as wide:
        sent = GOOD.replace(b"\r\n\r\n", b"\r\nX-A: b\r\nX-A: b\r\nX-A: b\r\nConnection: close\r\n\r\n")
        assert (await narrow.send(sent)).status == 431
        assert (await wide.send(sent)).status == 200


async def test_kept_connections_answer_again_and_end_when_idle(patient_clock):
    async with running(**ADMIN) as server:
        stream = await server.connect()
        for _ in range(3):
            await stream.send_all(GOOD)
            assert (await read_one(stream)).body == b"ok"
            await trio.sleep(4)
        reply, seconds = await seconds_to_the_end(stream)
        assert reply.received == b""
        assert seconds == pytest.approx(1, abs=0.1)
        assert server.denials == []


async def test_a_kept_connection_judges_every_head(patient_clock):
    async with running(**ADMIN) as server:
        stream = await server.connect()
        await stream.send_all(GOOD)
        assert (await read_one(stream)).status == 200
        await stream.send_all(GOOD.replace(b"\r", b""))
        assert (await read_to_end(stream)).status == 400
        await stream.aclose()


async def test_pipelined_requests_are_not_answered_on_a_kept_connection_either(patient_clock):
    async with running(**ADMIN) as server:
        reply = await server.send(GOOD + GOOD.replace(b"\r", b""))
        assert reply.received.count(b"HTTP/1.1") == 1
        assert reply.headers["connection"] == "close"


async def test_a_live_stream_outlives_every_lifetime_where_there_is_none(patient_clock):
    async with running(**ADMIN) as server:
        stream = await server.connect()
        await stream.send_all(GOOD.replace(b"/ok", b"/stream"))
        with trio.move_on_after(100) as watching:
            await read_to_end(stream)
        assert watching.cancelled_caught
        await stream.aclose()


async def test_an_answer_arrives_whole_while_the_rest_of_the_body_is_still_coming(patient_clock):
    async with running() as server:
        stream = await server.connect()
        await stream.send_all((POST % b"/unauthorized").replace(b"100", b"8000"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        for _ in range(8):
            await stream.send_all(bytes(1000))
        reply = await read_to_end(stream)
        assert reply.status == 401
        assert not reply.reset


async def test_an_app_may_answer_while_its_body_waits_to_be_taken(patient_clock):
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await trio.sleep(1)
            await answer(send, 200, b"done")

    async with running(app) as server:
        reply = await server.send((POST % b"/")[:-2] + b"\r\n", *[b"x"] * 8, pause_seconds=0.1)
        assert reply.body == b"done"
        assert server.denials == []


async def test_a_kept_connection_goes_on_after_a_body_nobody_took(patient_clock):
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await trio.sleep(1)
            await answer(send, 200, b"done")

    async with running(app, **ADMIN) as server:
        stream = await server.connect()
        await stream.send_all(CHUNKED + b"1\r\nx\r\n" * 2 + b"0\r\n\r\n")  # its end waits for room
        assert (await read_one(stream)).body == b"done"
        await stream.send_all(GOOD)
        assert (await read_one(stream)).body == b"done"
        assert server.denials == []


async def test_nothing_follows_half_an_answer(patient_clock):
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            with trio.move_on_after(1):
                await send({"type": "http.response.body", "body": bytes(50_000_000), "more_body": True})
            await send({"type": "http.response.body", "body": b"tail", "more_body": True})
            await trio.sleep(5)

    async with running(app, send_seconds=100, **ADMIN) as server:
        stream = await server.connect()
        await stream.send_all(GOOD)
        await trio.sleep(3)
        with trio.fail_after(1):
            reply = await read_to_end(stream)
        assert 0 < len(reply.body) < 50_000_000
        assert b"tail" not in reply.body


async def test_an_app_that_has_read_its_body_is_not_hurried_either(patient_clock):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            length = await body_length(receive)
            await trio.sleep(20)
            await answer(send, 200, b"%d" % length)

    async with running(app) as server:
        stream = await server.connect()
        await stream.send_all(POST % b"/" + bytes(100))
        reply, seconds = await seconds_to_the_end(stream)
        assert (reply.status, reply.body) == (200, b"100")
        assert seconds == pytest.approx(20, abs=0.1)


TOO_MUCH = b"4000\r\n" + bytes(0x4000) + b"\r\n"


@pytest.mark.parametrize("body", [TOO_MUCH, b""], ids=["too large", "too slow"])
async def test_an_answer_that_has_begun_is_not_disturbed_by_its_body(body, patient_clock):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
            with trio.move_on_after(20):
                await body_length(receive)
            await send({"type": "http.response.body", "body": b"no"})

    async with running(app) as server:
        reply = await server.send(CHUNKED, body, within_seconds=20.1)
        assert (reply.status, reply.body) == (401, b"no")
        assert server.denials == []


async def test_an_answer_that_the_app_will_not_have_cancelled_is_the_only_one(patient_clock, caplog):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(body_length, receive)
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)
                    await answer(send, 202)

    async with running(app) as server:
        reply = await server.send(CHUNKED, TOO_MUCH, within_seconds=1.1)
        assert reply.status == 202
        assert server.denials == []
    assert not caplog.records


# What unfinished heads hold together


async def test_unfinished_heads_that_are_too_large_together_lose_the_largest(patient_clock):
    async with running(max_unfinished_head_bytes=10_000) as server:
        small = await server.connect()
        await small.send_all(GOOD[:-2])
        large = [await server.connect() for _ in range(3)]
        for number, stream in enumerate(large):
            await stream.send_all(b"GET /ok HTTP/1.1\r\nX-A: " + b"a" * (4000 + number))
            await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(1):
            reply = await read_to_end(large[2])
        assert (reply.status, reply.body, reply.headers["connection"]) == (503, b"", "close")
        assert server.denials == [Denial.HEADS_TOO_LARGE_TOGETHER]
        await server.assert_alive()
        await small.send_all(b"\r\n")
        assert (await read_to_end(small)).status == 200
        for stream in large[:2]:
            await stream.send_all(b"\r\nHost: krt.example\r\n\r\n")
            assert (await read_to_end(stream)).status == 200


async def test_of_heads_of_one_size_the_oldest_is_lost(patient_clock):
    async with running(max_unfinished_head_bytes=10_000) as server:
        streams = [await server.connect() for _ in range(4)]
        for stream in streams:
            await stream.send_all(b"GET /ok HTTP/1.1\r\nX-A: " + b"a" * 2900)
            await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(1):
            assert (await read_to_end(streams[0])).status == 503
        for stream in streams[1:]:
            await stream.send_all(b"\r\nHost: krt.example\r\n\r\n")
            assert (await read_to_end(stream)).status == 200


@pytest.mark.parametrize("end", [b"\r\nHost: krt.example\r\n\r\n", b"\n", None], ids=["whole", "broken", "left"])
async def test_a_head_counts_until_it_is_whole_refused_or_left(end, patient_clock):
    async with running(max_unfinished_head_bytes=10_000) as server:
        for _ in range(5):
            stream = await server.connect()
            await stream.send_all(b"GET /ok HTTP/1.1\r\nX-A: " + b"a" * 9000)
            await trio.testing.wait_all_tasks_blocked(0.01)
            if end is not None:
                await stream.send_all(end)
                assert (await read_to_end(stream)).status in {200, 400}
            await stream.aclose()
        assert Denial.HEADS_TOO_LARGE_TOGETHER not in server.denials
