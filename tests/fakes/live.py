"""Reads the live page's server-sent events from a socket, without a browser."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import trio

from tests.fakes.pace import PATIENCE_SECONDS


class Follower:
    """An open stream. `status` is the HTTP status of its answer."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""
        self.status = 0

    async def begin(self, host: str, query: str) -> None:
        # HTTP/1.0: the body is not chunked, and ends with the connection.
        await self._stream.send_all(f"GET /live{query} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        self.status = int((await self._line()).split()[1])
        while await self._line():
            pass

    async def update(self) -> dict[str, Any]:
        """The next update. Raises EOFError if the stream has ended."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not (line := await self._line()).startswith(b"data: "):
                pass
        return json.loads(line.removeprefix(b"data: "))

    async def ended(self) -> bool:
        """Whether the stream ends without another update."""
        with trio.fail_after(PATIENCE_SECONDS):
            try:
                await self.update()
            except EOFError:
                return True
            return False

    async def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            data = await self._stream.receive_some()
            if not data:
                raise EOFError
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")


@asynccontextmanager
async def following(url: str, query: str = "") -> AsyncIterator[Follower]:
    """Open the live stream of the admin listener at this URL, until the end of the block."""
    where = urlsplit(url)
    async with await trio.open_tcp_stream(where.hostname or "", where.port or 80) as stream:
        follower = Follower(stream)
        await follower.begin(where.netloc, query)
        yield follower
