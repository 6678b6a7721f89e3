"""Whether Hypercorn still has the faults krt.serving.hardened is there for, and the parts that it replaces.

A test of plain Hypercorn that fails here means: look whether its replacement can go.
"""

import inspect

import hypercorn.trio
import pytest
import trio
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from quart_trio import QuartTrio

from krt.serving.address import parse_address
from krt.serving.hardened import AppTasks, StrictProtocol
from tests.serving.raw import echo, read_to_end, running
from tests.serving.requests import H2_DATA, H2_POST, PREFACE, SETTINGS, WEBSOCKET, priority_frames

DEADLY = {
    "websocket and one more byte": [WEBSOCKET + b"x"],
    "HTTP/2: data after the early answer": [PREFACE + SETTINGS + H2_POST, H2_DATA],
    "HTTP/2: priority flood": [PREFACE + SETTINGS + priority_frames(1001)],
}
UNREAD = b"POST /refused HTTP/1.1\r\nHost: krt.example\r\nContent-Length: 100\r\n\r\n"


async def serve_plainly(app, *, task_status):
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None
    await hypercorn.trio.serve(app, config, task_status=task_status)


def quart_app():
    app = QuartTrio("refusing")

    @app.post("/refused")
    async def refused():
        return "", 401

    @app.post("/read")
    async def read():
        from quart import request

        return str(len(await request.get_data()))

    return app


@pytest.mark.parametrize("pieces", DEADLY.values(), ids=DEADLY)
async def test_plain_hypercorn_still_dies_of_one_connection(pieces, patient_clock):
    with pytest.raises(ExceptionGroup), trio.fail_after(20):
        await serve_plainly_and_send(pieces)


async def serve_plainly_and_send(pieces):
    async with trio.open_nursery() as nursery:
        urls = await nursery.start(serve_plainly, echo)
        address = parse_address(urls[0].removeprefix("http://"))
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            for piece in pieces:
                await stream.send_all(piece)
                await trio.sleep(0.1)
            await trio.sleep_forever()


async def test_plain_hypercorn_still_keeps_the_socket_of_an_early_refusal(nursery, patient_clock):
    urls = await nursery.start(serve_plainly, quart_app())
    address = parse_address(urls[0].removeprefix("http://"))
    async with await trio.open_tcp_stream(address.host, address.port) as stream:
        await stream.send_all(UNREAD)
        with trio.move_on_after(60) as patience:
            await read_to_end(stream)
    assert patience.cancelled_caught
    nursery.cancel_scope.cancel()


async def test_an_early_refusal_by_quart_ends_at_once(patient_clock):
    async with running(quart_app()) as server:
        reply = await server.send(UNREAD, within_seconds=0.01)
        assert (reply.status, reply.body) == (401, b"")
        assert reply.headers["connection"] == "close"


async def test_a_body_that_quart_waits_for_is_bounded(patient_clock):
    async with running(quart_app()) as server:
        assert (await server.send(UNREAD.replace(b"/refused", b"/read"), within_seconds=5.1)).status == 408
        chunked = UNREAD.replace(b"/refused", b"/read").replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
        assert (await server.send(chunked, b"2001\r\n" + bytes(8193))).status == 413
        assert (await server.send(chunked, b"2000\r\n" + bytes(8192) + b"\r\n0\r\n\r\n")).body == b"8192"


@pytest.mark.parametrize(("ours", "theirs"), [(StrictProtocol, H11Protocol), (AppTasks, TaskGroup)])
def test_every_method_that_is_replaced_is_still_there_with_its_parameters(ours, theirs):
    own = {"__init__", "_handle_head", "_answer_empty", "_sealed", "_joined", "_run"}
    replaced = {name for name, value in vars(ours).items() if inspect.isfunction(value)} - own
    assert replaced
    for name in replaced:
        assert parameters(ours, name) == parameters(theirs, name)


def parameters(owner, name):
    return list(inspect.signature(getattr(owner, name)).parameters)
