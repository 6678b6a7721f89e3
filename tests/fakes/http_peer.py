"""One end of an HTTP/1.1 connection over TLS, client or server: h11 events in and out.

Not httpx: an answer that is only half read leaves five async generators to the garbage collector, each with a
ResourceWarning.
"""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import h11
import trio

CHUNK_BYTES = 65_536
OF_ONE_HOP = {b"connection", b"keep-alive", b"transfer-encoding"}  # RFC 9110, section 7.6.1

Stream = trio.SSLStream[trio.SocketStream]


class Peer:
    def __init__(self, stream: Stream, role: type[h11.CLIENT] | type[h11.SERVER]) -> None:
        self._stream = stream
        self._protocol = h11.Connection(role)

    async def next_event(self) -> object:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(bytes(await self._stream.receive_some(CHUNK_BYTES)))
        return event

    async def read_body(self) -> bytes:
        body = b""
        while isinstance(event := await self.next_event(), h11.Data):
            body += event.data
        return body

    async def send(self, *events: h11.Event) -> None:
        await self._stream.send_all(b"".join(self._protocol.send(event) or b"" for event in events))

    async def watch_for_hangup(self, exchange: trio.CancelScope) -> None:
        """Cancel the exchange if the client hangs up, so that a silent watch also ends at the server."""
        while data := await self._stream.receive_some(CHUNK_BYTES):
            self._protocol.receive_data(bytes(data))
        exchange.cancel()

    def begin_next(self) -> bool:
        """Prepare for the next request. Returns whether the connection allows one."""
        if {self._protocol.our_state, self._protocol.their_state} != {h11.DONE}:
            return False
        self._protocol.start_next_cycle()
        return True


@asynccontextmanager
async def connect(host: str, port: int, context: ssl.SSLContext) -> AsyncIterator[Peer]:
    """Connect to an HTTPS server for one exchange. Raises OSError, trio.BrokenResourceError."""
    stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context, https_compatible=True)
    try:
        yield Peer(stream, h11.CLIENT)
    finally:
        await trio.aclose_forcefully(stream)


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in OF_ONE_HOP]
