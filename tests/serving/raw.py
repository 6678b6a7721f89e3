"""Raw HTTP over real sockets against a real `serve`: what a hostile peer can do, and what comes back."""

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from krt.serving.address import Address, parse_address
from krt.serving.denial import Denial
from krt.serving.http import Listener, serve
from tests.fakes.pace import slack

GOOD = b"GET /ok HTTP/1.1\r\nHost: krt.example\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """All that came back until the peer's end. `status` is 0 without an answer."""

    received: bytes
    reset: bool = False

    @property
    def status(self) -> int:
        return int(self.received[9:12]) if self.received.startswith(b"HTTP/1.1 ") else 0

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        pairs = [line.split(": ", 1) for line in lines]
        assert len({name.lower() for name, _ in pairs}) == len(pairs), "a header was sent twice"
        return {name.lower(): value for name, value in pairs}


@dataclass(slots=True)
class Running:
    """A server under test."""

    address: Address
    stopping: trio.Event
    ended: trio.Event
    clients: ExitStack
    denials: list[Denial] = field(default_factory=list)

    async def connect(self, source: str | None = None) -> trio.SocketStream:
        """A stream that is closed at the latest with the server."""
        client = trio.socket.socket(socket.AF_INET)
        self.clients.enter_context(client)
        if source is not None:
            await client.bind((source, 0))
        await client.connect((self.address.host, self.address.port))
        return trio.SocketStream(client)

    def connect_now(self) -> trio.SocketStream:
        """The kernel's word that it is connected, before the server has had a turn."""
        client = self.clients.enter_context(socket.create_connection((self.address.host, self.address.port)))
        client.setblocking(False)
        return trio.SocketStream(trio.socket.from_stdlib_socket(client))

    async def send(self, *pieces: bytes, within_seconds: float | None = None, pause_seconds: float = 0.0) -> Reply:
        """Sends the pieces and reads to the peer's end, which must come in time after the last piece."""
        stream = await self.connect()
        try:
            for piece in pieces:
                await stream.send_all(piece)
                await trio.sleep(pause_seconds)
        except trio.BrokenResourceError:
            pass
        with trio.fail_after(slack(1.0) if within_seconds is None else within_seconds):
            reply = await read_to_end(stream)
        await stream.aclose()
        return reply

    async def assert_alive(self) -> None:
        reply = await self.send(GOOD)
        assert (reply.status, reply.body) == (200, b"ok")

    async def ends_at_once(self) -> None:
        """For listeners whose own times are an hour: none of them is waited for, on however slow a machine."""
        self.stopping.set()
        with trio.fail_after(60):
            await self.ended.wait()


async def read_to_end(stream: trio.SocketStream) -> Reply:
    received = bytearray()
    try:
        async for piece in stream:
            received += piece
    except trio.BrokenResourceError:
        return Reply(bytes(received), reset=True)
    return Reply(bytes(received))


async def read_one(stream: trio.SocketStream) -> Reply:
    """One answer, of which the connection is kept."""
    received = bytearray()
    while not (head := received.partition(b"\r\n\r\n"))[1] or len(head[2]) < _content_length(head[0]):
        piece = await stream.receive_some()
        assert piece, f"the connection ended after {received!r}"
        received += piece
    return Reply(bytes(received))


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])


@asynccontextmanager
async def running(app: Any = None, **limits: Any) -> AsyncIterator[Running]:
    denials: list[Denial] = []
    listener = Listener(
        **{"address": parse_address("127.0.0.1:0"), "on_denied": lambda reason, *_: denials.append(reason)} | limits
    )
    stopping, ended = trio.Event(), trio.Event()

    async def serve_to_the_end(*, task_status: trio.TaskStatus[tuple[Address, ...]]) -> None:
        await serve(app or echo, listener, stopping=stopping, task_status=task_status)
        ended.set()

    async with trio.open_nursery() as nursery:
        addresses = await nursery.start(serve_to_the_end)
        with ExitStack() as clients:
            yield Running(addresses[0], stopping, ended, clients, denials)
        nursery.cancel_scope.cancel()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """A small app without lifespan, whose paths say how it behaves."""
    if scope["type"] != "http":
        return
    match scope["raw_path"]:
        case b"/ok":
            await answer(send, 200, b"ok")
        case b"/unauthorized":
            await answer(send, 401)
        case b"/read":
            await answer(send, 200, b"%d" % await body_length(receive))
        case b"/slow":
            await trio.sleep(25)
            await answer(send, 200, b"slow")
        case b"/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
                await trio.sleep(1)
        case b"/huge":
            await answer(send, 200, bytes(50_000_000))
        case b"/crash":
            raise ValueError(dict(scope["headers"]))
        case raw_path:
            await answer(send, 404, raw_path)


async def answer(send: Any, status: int, body: bytes = b"") -> None:
    headers = [(b"content-length", b"%d" % len(body)), (b"server", b"leaky"), (b"x-request-id", b"forged")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def body_length(receive: Any) -> int:
    length, more = 0, True
    while more:
        event = await receive()
        length += len(event.get("body", b""))
        more = event.get("more_body", False)
    return length
