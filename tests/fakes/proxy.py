"""A TCP proxy on loopback that delays, holds, cuts and refuses connections. It does not interpret the bytes."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.fakes.ports import free_ports

CHUNK_BYTES = 65_536


class Proxy:
    """Open it with `open_proxy`. Its switches act at once, also on open connections."""

    def __init__(self, host: str, port: int, nursery: trio.Nursery) -> None:
        self._server = host, port
        self._nursery = nursery
        self._listener: trio.SocketListener | None = None
        self._gate = trio.Event()
        self._gate.set()
        self._connections: set[trio.CancelScope] = set()
        self._budget: int | None = None
        self._reset = False
        self.host = "127.0.0.1"
        self.port = free_ports(1)[0]
        self.delay_seconds = 0.0
        self.accepted = 0

    async def listen(self) -> None:
        """Listen; after `refuse`, listen again on the same port."""
        if self._listener is None:
            [self._listener] = await trio.open_tcp_listeners(self.port, host=self.host)
            self._nursery.start_soon(self._accept, self._listener)

    async def refuse(self) -> None:
        """Close the listening socket: the kernel refuses new connections, and open ones stay."""
        if self._listener is not None:
            await self._listener.aclose()
            self._listener = None

    def stall(self) -> None:
        """Hold all bytes, in both directions, until `flow`."""
        self._gate = trio.Event()

    def flow(self) -> None:
        self._gate.set()

    def cut(self, *, reset: bool = False) -> None:
        """End every open connection: by FIN, or by RST."""
        self._reset = reset
        for scope in self._connections:
            scope.cancel()

    def cut_after(self, answered_bytes: int | None, *, reset: bool = False) -> None:
        """End each new connection once the server has sent this many bytes. None switches that off."""
        self._budget = answered_bytes
        self._reset = reset

    async def _accept(self, listener: trio.SocketListener) -> None:
        async with listener:
            while True:
                try:
                    client = await listener.accept()
                except trio.ClosedResourceError:
                    return
                self.accepted += 1
                self._nursery.start_soon(self._connect, client)

    async def _connect(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as connection:
            self._connections.add(connection)
            try:
                async with client:
                    await self._relay(client, connection)
            finally:
                self._connections.discard(connection)

    async def _relay(self, client: trio.SocketStream, connection: trio.CancelScope) -> None:
        try:
            server = await trio.open_tcp_stream(*self._server)
        except OSError:
            return
        async with server, trio.open_nursery() as both:
            both.start_soon(self._copy, client, server, None, connection)
            both.start_soon(self._copy, server, client, self._budget, connection)
            try:
                await trio.sleep_forever()
            finally:
                if self._reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _copy(
        self,
        source: trio.SocketStream,
        sink: trio.SocketStream,
        budget: int | None,
        connection: trio.CancelScope,
    ) -> None:
        try:
            while chunk := await source.receive_some(CHUNK_BYTES):
                await trio.sleep(self.delay_seconds)
                await self._gate.wait()
                await sink.send_all(chunk[:budget])
                if budget is not None:
                    budget -= len(chunk)
                    if budget <= 0:
                        break
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        connection.cancel()


@asynccontextmanager
async def open_proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    """Run a proxy in front of the server until the end of the block. Then every connection ends."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy(host, port, nursery)
        await proxy.listen()
        yield proxy
        nursery.cancel_scope.cancel()
