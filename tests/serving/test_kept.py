"""Connections that are kept: a peer in another process may have its answer before krt knows that it gave it."""

import socket
from ipaddress import ip_network

import trio

from tests.serving.raw import GOOD, answer, read_one, running

TIMES = 200


async def test_a_request_that_comes_the_moment_the_last_one_was_answered_is_answered():
    """Seen to fail with it taken for pipelined: one of ten connections ended without an answer."""
    async with running(close_every_answer=False, lifetime_seconds=None) as server:
        where = (server.address.host, server.address.port)
        assert await trio.to_thread.run_sync(_ask_again_and_again, where) == TIMES


def _ask_again_and_again(where: tuple[str, int]) -> int:
    """How many answers there were, on one connection."""
    with socket.create_connection(where, timeout=5) as peer:
        for answered in range(TIMES):
            peer.sendall(GOOD)
            received = b""
            while not received.endswith(b"\r\n\r\nok"):
                piece = peer.recv(4096)
                if not piece:
                    return answered
                received += piece
    return TIMES


async def test_each_request_of_a_kept_connection_has_its_own_caller():
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await answer(send, 200, scope["state"]["peer"].encode())

    trusted = (ip_network("127.0.0.0/8"),)
    async with running(app, close_every_answer=False, trusted_proxies=trusted) as server:
        stream = await server.connect()
        for caller in (b"192.0.2.1", b"192.0.2.2"):
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n\r\n" % caller)
            assert (await read_one(stream)).body == caller
