"""One connection to Valkey over a Trio stream: commands out, checked replies in.

docs/decisions/0001 says why krt uses neither valkey-py's connection nor coredis's. libvalkey packs and parses.
The protocol is RESP2, which every Valkey speaks without HELLO; a subscription has a connection of its own, so RESP3's
push messages would not help. krt sends no CLIENT SETINFO, because its ACLs do not grant it.
Errors here are those of `valkey.exceptions`. A ResponseError is a reply, after which the connection is fit for the next
command; any other error closes the connection. `failures` translates all of them for the rest of krt.
"""

from collections.abc import Sequence
from typing import TypeAlias

import libvalkey
import trio
from valkey.exceptions import ConnectionError as ConnectionLost
from valkey.exceptions import InvalidResponse, NoScriptError, ResponseError

Argument = str | bytes | int | float
Reply: TypeAlias = "bytes | int | list[Reply] | None"
ReplyOrError: TypeAlias = "Reply | ResponseError"

MOST_REPLY_BYTES = 1024 * 1024
DEEPEST_NESTING = 8

_CHUNK_BYTES = 64 * 1024
_INCOMPLETE = object()


class ValkeyConnection:
    """A connection for one task at a time.

    If an exchange does not reach its end, the connection is closed. Otherwise the next command would take the late
    reply for its own.
    """

    def __init__(self, stream: trio.abc.Stream, socket: trio.socket.SocketType) -> None:
        self._stream = stream
        self._socket = socket
        self._closed = False
        self._fed_bytes = 0
        self._reader = libvalkey.Reader(
            protocolError=InvalidResponse, replyError=_response_error, notEnoughData=_INCOMPLETE
        )

    async def execute(self, *command: Argument) -> Reply:
        """One command and its reply. Raises ResponseError for an error reply, ConnectionLost, InvalidResponse."""
        (reply,) = await self.execute_all([command])
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def execute_all(self, commands: Sequence[Sequence[Argument]]) -> list[ReplyOrError]:
        """Several commands in one write, and their replies. An error reply is returned as a value, not raised."""
        at_rest = False
        try:
            await self.send(*commands)
            replies = [await self.receive() for _ in commands]
            at_rest = not self._reader.has_data()
        finally:
            if not at_rest:
                self.close()
        return replies

    async def send(self, *commands: Sequence[Argument]) -> None:
        """Write commands, without waiting for replies. If this is interrupted, the caller must close the connection."""
        packed = b"".join(libvalkey.pack_command(tuple(command)) for command in commands)
        try:
            await self._stream.send_all(packed)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionLost("the connection was lost") from error

    async def receive(self) -> ReplyOrError:
        """The next reply, whole and checked. If it is cancelled, nothing is lost: the next call goes on from there."""
        while (reply := self._parsed()) is _INCOMPLETE:
            await self._feed()
        self._fed_bytes = 0
        return reply if isinstance(reply, ResponseError) else _checked(reply)

    @property
    def is_closed(self) -> bool:
        """Whether this side has closed the connection."""
        return self._closed

    def is_reusable(self) -> bool:
        """Whether this is open and nothing has arrived: between exchanges, only an end or garbage can arrive."""
        return not self._closed and not self._socket.is_readable()

    def close(self) -> None:
        """Close at once, without telling Valkey. Never blocks, and may be called twice."""
        self._closed = True
        self._socket.close()

    def _parsed(self) -> object:
        try:
            return self._reader.gets()
        except TypeError as error:  # a RESP3 map or set with unhashable members
            raise InvalidResponse("a reply of a type that was not asked for") from error

    async def _feed(self) -> None:
        if self._fed_bytes > MOST_REPLY_BYTES:
            raise InvalidResponse(f"a reply of more than {MOST_REPLY_BYTES} bytes")
        try:
            chunk = await self._stream.receive_some(_CHUNK_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionLost("the connection was lost") from error
        if not chunk:
            raise ConnectionLost("the connection was closed by the other side")
        self._fed_bytes += len(chunk)
        self._reader.feed(bytes(chunk))


def code_of(error: ResponseError) -> str:
    """The first word of an error reply, which names the kind of error: NOPERM, NOSCRIPT, ERR…"""
    return str(error).partition(" ")[0]


def _response_error(text: str) -> ResponseError:
    return NoScriptError(text) if text.startswith("NOSCRIPT ") else ResponseError(text)


def _checked(value: object, depth: int = 0) -> Reply:
    """The reply. Raises InvalidResponse for a type outside RESP2, and for deep nesting: libvalkey limits neither."""
    if value is None or type(value) is int or isinstance(value, bytes):
        return value
    if not isinstance(value, list):
        raise InvalidResponse("a reply of a type that was not asked for")
    if depth == DEEPEST_NESTING:
        raise InvalidResponse(f"a reply nested deeper than {DEEPEST_NESTING} levels")
    return [_checked(item, depth + 1) for item in value]
