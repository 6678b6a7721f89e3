"""Serves one accepted socket from its first byte to its end, within time limits. A fault here ends no other connection.

It replaces Hypercorn's TCPServer; krt.serving.hardened says why.
"""

import math
import os
from contextlib import suppress
from secrets import token_hex

import trio
from hypercorn.events import Closed, Event, RawData, Updated

from krt.serving.denial import Denial
from krt.serving.gate import Arrival, TurnedAway, empty_answer
from krt.serving.hardened import AppTasks, SocketName, StrictProtocol
from krt.serving.head import BadHeadError, Fields, HeadReader
from krt.serving.peers import client_address
from krt.serving.service import Service

_LINGER_SECONDS = 0.5
_LINGER_BYTES = 1024 * 1024
_UNANSWERED = TurnedAway(0)  # a client that has not finished its head in time gets no answer


async def handle_connection(service: Service, stream: trio.SocketStream) -> None:
    """Serve one connection to its end. Raises no Exception. The caller closes the stream."""
    try:
        client, server = stream.socket.getpeername()[:2], stream.socket.getsockname()[:2]
    except OSError:
        return  # the peer hung up before krt looked
    with service.connections.admit(client[0]) as denial:
        if denial is not None:
            service.listener.on_denied(denial, client[0], "")
            return
        connection = Connection(service, stream, client=client, server=server)
        try:
            await connection.run()
        except* Exception as failure:  # noqa: BLE001 - the HTTP edge: no fault of one connection is another's
            connection.report(failure)


class Connection:
    """One connection. `_protocol` is made only after the gate let a head in: until then a connection costs little."""

    __slots__ = (
        "_answered",
        "_awaits_continue",
        "_client",
        "_listener",
        "_peer",
        "_peer_ended",
        "_protocol",
        "_reading",
        "_received",
        "_request_id",
        "_server",
        "_service",
        "_stream",
        "_writing",
    )

    def __init__(self, service: Service, stream: trio.SocketStream, *, client: SocketName, server: SocketName) -> None:
        self._service = service
        self._listener = service.listener
        self._stream = stream
        self._client = client
        self._peer = client[0]  # the client's address behind trusted proxies, once a head has named it
        self._server = server
        self._protocol: StrictProtocol | None = None
        self._request_id = ""  # of the first request
        self._reading = trio.CancelScope()  # the deadline is that of the head; inf while a request is being answered
        self._writing = trio.Lock()
        self._received = b""
        self._awaits_continue = False
        self._peer_ended = False
        self._answered = False

    async def run(self) -> None:
        """Serve the connection until it ends, or until its lifetime is over."""
        seconds = self._listener.lifetime_seconds
        life = trio.CancelScope(deadline=math.inf if seconds is None else trio.current_time() + seconds)
        with life:
            known = await self._meet()
            if isinstance(known, TurnedAway):
                await self._turn_away(known)
            else:
                await self._serve(known)
        if life.cancelled_caught:
            self._deny(Denial.LIFETIME_OVER)

    async def _meet(self) -> object:
        """Read the first head into `_received`, and return the gate's result for it, or TurnedAway."""
        reader, room = HeadReader(self._listener.head_limits), self._service.connections.heads
        self._reading.deadline = trio.current_time() + self._listener.header_seconds
        try:
            with self._service.connections.tracked(self._reading), self._reading:
                while not self._peer_ended:
                    if self._is_whole(reader, await self._receive()):
                        return self._judged(reader)
                    room.hold(reader, self._reading)
                if reader.started:
                    self._deny(Denial.HEAD_INCOMPLETE)
            if self._reading.cancelled_caught and self._service.connections.draining and not reader.given_up:
                return self._last_look(reader)
        except BadHeadError as refused:
            self._speaks_for(refused.fields)
            return self._refused(TurnedAway(refused.status), refused.reason)
        finally:
            room.release(reader)
        if reader.given_up:
            return self._refused(TurnedAway(503), Denial.HEADS_TOO_LARGE_TOGETHER)
        if trio.current_time() >= self._reading.deadline:
            self._deny(Denial.HEAD_TOO_SLOW)
        return _UNANSWERED

    def _last_look(self, reader: HeadReader) -> object:
        """Like `_meet`, when the listener ends: a head that has arrived is judged, even if nobody has read it yet.

        The answer to a part of a head is 503. A client that has sent nothing gets no answer.
        """
        with suppress(OSError):  # BlockingIOError: nothing more has arrived; or a reset
            while data := self._read_now():
                if self._is_whole(reader, data):
                    return self._judged(reader)
        if not reader.started:
            return _UNANSWERED
        self._request_id = token_hex(8)
        return TurnedAway(503)

    def _is_whole(self, reader: HeadReader, data: bytes) -> bool:
        received = reader.feed(data)
        self._received = received or b""
        self._awaits_continue = reader.head is not None and reader.head.awaits_continue
        return received is not None and reader.head is not None

    def _refused(self, away: TurnedAway, reason: Denial) -> TurnedAway:
        self._request_id = token_hex(8)
        self._deny(reason)
        return away

    def _speaks_for(self, fields: Fields) -> str:
        self._peer = client_address(self._client, fields, self._listener.trusted_proxies)
        return self._peer

    def _judged(self, reader: HeadReader) -> object:
        assert reader.head
        self._request_id = token_hex(8)
        return self._listener.gate(Arrival(reader.head, self._speaks_for(reader.head.fields), self._request_id))

    async def _turn_away(self, away: TurnedAway) -> None:
        if away is not _UNANSWERED:
            await trio.sleep(away.after_seconds)
            await self._write(empty_answer(away.status, self._request_id, away.headers))
        await self._close()

    async def _serve(self, known: object) -> None:
        with trio.CancelScope() as answering:
            async with AppTasks(self.report) as tasks:
                self._protocol = protocol = StrictProtocol(
                    self._service,
                    tasks=tasks,
                    client=self._client,
                    server=self._server,
                    send=self._act,
                    deny=self._deny,
                    request_id=self._request_id,
                    peer=self._peer,
                    speaks_for=self._speaks_for,
                    known=known,
                    awaits_continue=self._awaits_continue,
                )
                await self._read(protocol)
                unanswered = protocol.stream is not None
                await protocol.handle(Closed())
                await self._close()
                if unanswered:
                    answering.cancel()

    def report(self, failure: Exception) -> None:
        """Log an unexpected exception, and count it as Denial.CRASHED."""
        self._deny(Denial.CRASHED)
        self._service.failures.report(failure, request_id=self._answering_id)

    @property
    def _answering_id(self) -> str:
        return self._protocol.request_id if self._protocol else self._request_id

    def _deny(self, reason: Denial) -> None:
        self._listener.on_denied(reason, self._peer, self._answering_id)

    async def _read(self, protocol: StrictProtocol) -> None:
        self._reading = trio.CancelScope(deadline=self._reading.deadline)
        with self._reading:
            await protocol.handle(RawData(self._take_received()))  # not tracked: the drain must not end it
            with self._service.connections.tracked(self._reading):
                while not self._peer_ended:
                    await protocol.handle(RawData(await self._receive()))
        if trio.current_time() >= self._reading.deadline and not protocol.awaits_first_byte:
            self._deny(Denial.HEAD_TOO_SLOW)

    def _take_received(self) -> bytes:
        received, self._received = self._received, b""  # so that a waiting request keeps one copy of its head
        return received

    async def _receive(self) -> bytes:
        """Wait for data and return it; b"" if the peer has ended.

        All connections share one read buffer, and the bytes are counted before another task runs. With Trio's
        `receive_some` a whole burst would be in memory before its first connection was counted.
        """
        received = b""
        with suppress(OSError, trio.ClosedResourceError):  # reset
            received = await self._receive_when_readable()
        self._peer_ended = not received
        return received

    async def _receive_when_readable(self) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._stream.socket)
            with suppress(BlockingIOError):  # a spurious wake-up
                return self._read_now()

    def _read_now(self) -> bytes:
        buffer = self._service.receive_buffer
        return bytes(buffer[: os.readv(self._stream.socket.fileno(), [buffer])])

    async def _act(self, event: Event) -> None:
        """Do what the protocol asks of the socket."""
        match event:
            case RawData(data=data):
                await self._write(data)
            case Updated(idle=idle):
                self._answered = False  # `_close` waits only for the answer to this request
                idle_until = trio.current_time() + self._listener.header_seconds
                self._reading.deadline = idle_until if idle else math.inf
            case Closed():
                async with self._writing:  # the reader may be writing an answer of its own
                    self._reading.cancel()

    async def _write(self, data: bytes) -> None:
        if not data:
            return
        sent = False
        try:
            async with self._writing:
                with trio.move_on_after(self._listener.send_seconds) as patience:
                    await self._stream.send_all(data)
                    sent = self._answered = True
            if patience.cancelled_caught:
                self._deny(Denial.READER_TOO_SLOW)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._peer_ended = True
        finally:
            if not sent:  # half an answer may be on the wire: nothing may follow it
                self._reading.cancel()

    async def _close(self) -> None:
        """End our side at once, then read what still arrives, for a moment (RFC 9112, section 9.6).

        If a socket is closed with unread bytes, the kernel resets the connection, and the peer may lose the answer.
        """
        bytes_left = _LINGER_BYTES
        with trio.move_on_after(_LINGER_SECONDS):
            if self._answered and not self._peer_ended:
                await self._send_end()
            while self._answered and not self._peer_ended and bytes_left > 0:
                bytes_left -= len(await self._receive())
        await trio.aclose_forcefully(self._stream)

    async def _send_end(self) -> None:
        async with self._writing:  # a broken body may have ended the reading while an answer is still being sent
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._peer_ended = True
