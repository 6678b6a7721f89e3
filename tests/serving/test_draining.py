"""How a listener stops: at once for what is idle, within its grace for what is in hand."""

import os
from functools import partial

import pytest
import trio
import trio.testing

from krt.errors import BindFailed
from krt.serving.address import parse_address
from krt.serving.connections import Connections
from krt.serving.http import Listener, serve
from tests.fakes.pace import PATIENCE_SECONDS
from tests.serving.raw import GOOD, answer, echo, read_one, read_to_end, running

ADMIN = {"close_every_answer": False, "lifetime_seconds": None}
LASTING = {"header_seconds": 3600.0, "lifetime_seconds": None, "grace_seconds": 3600.0}
SLOW = GOOD.replace(b"/ok", b"/slow")


async def test_an_idle_listener_stops_at_once():
    async with running(**LASTING) as server:
        await server.assert_alive()
        await server.ends_at_once()


@pytest.mark.parametrize(("sent", "status"), [(b"", 0), (b"GET /ok HTTP/1.1\r\n", 503)])
async def test_connections_without_a_whole_head_do_not_delay_the_end(sent, status):
    async with running(**LASTING) as server:
        stream = await server.connect()
        await stream.send_all(sent)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await server.ends_at_once()
        assert (await read_to_end(stream)).status == status


@pytest.mark.parametrize("accepted", [0, 1, 50])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (GOOD, 200),
        (GOOD.replace(b"/ok", b"/unauthorized"), 401),
        (GOOD.replace(b"/ok", b"/nowhere"), 404),
        (b"POST /read HTTP/1.1\r\nHost: krt.example\r\nContent-Length: 5\r\n\r\nevent", 200),
        (b"GET /ok HTTP/2.0\r\nHost: krt.example\r\n\r\n", 400),
        (b"GET /ok HTTP/1.1\r\nHost: krt.exa", 503),
        (b"G", 503),
    ],
)
async def test_what_has_come_before_the_end_is_answered_though_nobody_has_read_it_yet(sent, status, accepted):
    """A machine that is slow enough, or a burst that is large enough, has hundreds of them at SIGTERM.

    Seen to fail, with no answer, without the last look at each connection, and without the one at the kernel's queue.
    """
    async with running() as server:
        clients = [await server.connect() for _ in range(accepted)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        clients += [server.connect_now() for _ in range(50 - accepted)]
        for client in clients:  # from here to the end the server has no turn
            assert os.write(client.socket.fileno(), sent) == len(sent)
        server.stopping.set()
        replies = [await read_to_end(client) for client in clients]
        assert [reply.status for reply in replies] == [status] * 50
        assert {reply.headers["connection"] for reply in replies} == {"close"}
        for client in clients:
            await client.aclose()
        await server.ended.wait()


async def test_a_body_that_is_still_coming_at_the_end_is_waited_for():
    async with running() as server:
        client = server.connect_now()
        head = b"POST /read HTTP/1.1\r\nHost: krt.example\r\nContent-Length: 5\r\n\r\n"
        assert os.write(client.socket.fileno(), head) == len(head)
        server.stopping.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        await client.send_all(b"event")
        reply = await read_to_end(client)
        assert (reply.status, reply.body) == (200, b"5")


async def test_a_kept_idle_connection_does_not_delay_the_end():
    async with running(**LASTING, close_every_answer=False) as server:
        stream = await server.connect()
        await stream.send_all(GOOD)
        await read_one(stream)
        await server.ends_at_once()


@pytest.mark.parametrize("limits", [{}, ADMIN])
async def test_a_request_in_hand_is_answered_while_new_connections_are_refused(limits, patient_clock):
    async with running(**limits) as server:
        stream = await server.connect()
        await stream.send_all(SLOW)
        await trio.sleep(1)
        server.stopping.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(ConnectionRefusedError):
            await server.connect()
        reply = await read_to_end(stream)
        assert (reply.status, reply.body) == (200, b"slow")
        assert reply.headers["connection"] == "close"
        await stream.aclose()
        await server.ended.wait()
        assert trio.current_time() == pytest.approx(25, abs=0.2)


async def test_what_is_not_answered_within_the_grace_is_cut(patient_clock, caplog):
    async with running(grace_seconds=3) as server:
        stream = await server.connect()
        await stream.send_all(SLOW)
        await trio.sleep(1)
        server.stopping.set()
        await server.ended.wait()
        assert trio.current_time() == pytest.approx(4, abs=0.1)
        assert (await read_to_end(stream)).received == b""
    assert [record.message for record in caplog.records] == ["requests_cut"]


async def test_draining_ends_idle_connections_and_those_that_come_too_late():
    connections = Connections(Listener(address=parse_address(":0")))
    idle, busy, late = trio.CancelScope(deadline=5), trio.CancelScope(), trio.CancelScope(deadline=5)
    with connections.tracked(idle), connections.tracked(busy):
        connections.drain()
    with connections.tracked(late):
        assert [scope.cancel_called for scope in (idle, busy, late)] == [True, False, True]


async def test_a_listener_told_to_stop_before_it_began_ends():
    stopping = trio.Event()
    stopping.set()
    with trio.fail_after(PATIENCE_SECONDS):
        await serve(echo, Listener(address=parse_address("127.0.0.1:0")), stopping=stopping)


async def test_a_taken_port_is_one_clear_error():
    async with running() as server:
        with pytest.raises(BindFailed) as refused:
            await serve(echo, Listener(address=server.address), stopping=trio.Event())
        assert refused.value.address == str(server.address)
        assert "in use" in refused.value.reason


async def test_a_taken_port_reaches_the_starter_bare(nursery):
    async with running() as server:
        with pytest.raises(BindFailed):
            await nursery.start(partial(serve, echo, Listener(address=server.address), stopping=trio.Event()))


async def test_the_lifespan_of_the_app_surrounds_its_requests():
    seen = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                seen.append((await receive())["type"])
                scope["state"]["from"] = "lifespan"
                await send({"type": f"lifespan.{phase}.complete"})
        else:
            seen.append(scope["state"]["from"])
            await answer(send, 200)

    async with running(app) as server:
        await server.send(GOOD)
        server.stopping.set()
        await server.ended.wait()
    assert seen == ["lifespan.startup", "lifespan", "lifespan.shutdown"]


@pytest.mark.parametrize("tells", [True, False])
async def test_an_app_that_cannot_start_is_not_served(tells):
    async def app(scope, receive, send):
        if not tells:
            raise LookupError
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.RaisesGroup(RuntimeError if tells else LookupError, flatten_subgroups=True):
        await serve(app, Listener(address=parse_address("127.0.0.1:0")), stopping=trio.Event())
