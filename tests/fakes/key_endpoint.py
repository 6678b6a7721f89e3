"""An issuer's key endpoint on a real socket, which can misbehave in every way."""

import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

Answer = Callable[[trio.abc.Stream], Awaitable[None]]


class KeyEndpoint:
    """The endpoint. The next connection gets `answer`. `looks` counts connections; `requests` holds what they sent."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.port = 0
        self.requests: list[bytes] = []

    @property
    def looks(self) -> int:
        return len(self.requests)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.requests.append(b"")
        index = len(self.requests) - 1
        try:
            while b"\r\n\r\n" not in self.requests[index]:
                self.requests[index] += await stream.receive_some()
            await self.answer(stream)
            await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client hung up


@asynccontextmanager
async def key_endpoint(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[KeyEndpoint]:
    """Run an endpoint on a loopback port."""
    endpoint = KeyEndpoint(answer)

    async def serve(stream: trio.SocketStream) -> None:
        await endpoint.serve(trio.SSLStream(stream, tls, server_side=True) if tls else stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        endpoint.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield endpoint
        nursery.cancel_scope.cancel()


def answering(body: bytes, *, status: str = "200 OK", headers: str = "") -> Answer:
    """A complete answer at once."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(head.encode() + body)

    return answer


def saying(data: bytes) -> Answer:
    """These bytes; then the connection ends."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(data)

    return answer


def gzipped(body: bytes) -> Answer:
    """The body as gzip, although the client did not accept it."""
    return answering(gzip.compress(body), headers="content-encoding: gzip\r\n")


def repeating(start: bytes, piece: bytes, *, pause_seconds: float = 0.0) -> Answer:
    """`start`, then `piece` again and again until the client hangs up."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(start)
        while True:
            await stream.send_all(piece)
            await trio.sleep(pause_seconds)

    return answer


async def silence(_: trio.abc.Stream) -> None:
    """No answer; the connection stays open."""
    await trio.sleep_forever()


async def hanging_up(_: trio.abc.Stream) -> None:
    """No answer; the connection ends at once."""
