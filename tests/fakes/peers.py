"""Servers on a loopback port that are not Valkey, or a Valkey that misbehaves."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import trio

Behaviour = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def open_peer(behave: Behaviour) -> AsyncIterator[int]:
    """Run a server that calls `behave` with each connection and then closes it. Yields the port."""

    async def serve_one(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await behave(stream)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(_serve, serve_one)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def _serve(handler: Behaviour, *, task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
    await trio.serve_tcp(handler, 0, host="127.0.0.1", task_status=task_status)


def saying(*answers: bytes) -> Behaviour:
    """Answer each message by the next of `answers`. After the last one, wait for the client to close."""

    async def behave(stream: trio.SocketStream) -> None:
        for answer in answers:
            if not await stream.receive_some():
                return
            await stream.send_all(answer)
        while await stream.receive_some():
            pass

    return behave


def passing_on_to(path: str, *, tls: ssl.SSLContext) -> Behaviour:
    """End TLS and pass everything on to the unix socket at `path`, as a TLS proxy in front of Valkey does."""

    async def behave(stream: trio.SocketStream) -> None:
        outer = trio.SSLStream(stream, tls, server_side=True)
        async with await trio.open_unix_socket(path) as inner, trio.open_nursery() as nursery:
            nursery.start_soon(_copy, outer, inner, nursery.cancel_scope)
            nursery.start_soon(_copy, inner, outer, nursery.cancel_scope)

    return behave


async def _copy(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream, both: trio.CancelScope) -> None:
    """Copy until one side ends, in any way."""
    with suppress(trio.BrokenResourceError):
        async for chunk in source:
            await sink.send_all(chunk)
    both.cancel()
