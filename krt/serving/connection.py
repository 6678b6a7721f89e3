"""One accepted socket from its first byte to its end: what bounds it, and that its faults stay its own.

It stands where Hypercorn has TCPServer; krt.serving.hardened says why.
"""

import math
from secrets import token_hex

import trio
from hypercorn.events import Closed, Event, RawData, Updated

from krt.serving.denial import Denial
from krt.serving.gate import Arrival, TurnedAway, empty_answer
from krt.serving.hardened import AppTasks, SocketName, StrictProtocol
from krt.serving.head import BadHeadError, Head, HeadReader
from krt.serving.service import Service

_RECEIVE_BYTES = 16 * 1024
_LINGER_SECONDS = 0.5
_LINGER_BYTES = 1024 * 1024


async def handle_connection(service: Service, stream: trio.SocketStream) -> None:
    """Serves one connection to its end and raises no Exception. The caller closes the stream forcefully."""
    try:
        client, server = stream.socket.getpeername()[:2], stream.socket.getsockname()[:2]
    except OSError:
        return  # gone before it was looked at
    with service.connections.admit(client[0]) as denial:
        if denial is not None:
            service.listener.on_denied(denial, client[0])
            return
        connection = Connection(service, stream, client=client, server=server)
        try:
            await connection.run()
        except* Exception as failure:  # noqa: BLE001 - the HTTP edge: no fault of one connection is another's
            connection.report(failure)


class Connection:
    """`_protocol` is made when a head has come that is let in: until then a connection costs little."""

    __slots__ = (
        "_answered",
        "_client",
        "_listener",
        "_peer_ended",
        "_protocol",
        "_reading",
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
        self._server = server
        self._protocol: StrictProtocol | None = None
        self._request_id = ""  # of the first request
        self._reading = trio.CancelScope()  # its deadline is the head's; none while a request is in hand
        self._writing = trio.Lock()
        self._peer_ended = False
        self._answered = False

    async def run(self) -> None:
        seconds = self._listener.lifetime_seconds
        life = trio.CancelScope(deadline=math.inf if seconds is None else trio.current_time() + seconds)
        with life:
            head = HeadReader(self._listener.head_limits)
            received = await self._read_head(head)
            if received is None or head.head is None:
                await self._close()
            else:
                await self._admit(head.head, received)
        if life.cancelled_caught:
            self._deny(Denial.LIFETIME_OVER)

    async def _read_head(self, head: HeadReader) -> bytes | None:
        """What was received, once a head is whole and in order; else None, and that was answered if it could be."""
        self._reading.deadline = trio.current_time() + self._listener.header_seconds
        try:
            with self._service.connections.tracked(self._reading), self._reading:
                while not self._peer_ended:
                    data = await self._receive()
                    if not data and head.started:
                        self._deny(Denial.HEAD_INCOMPLETE)
                    if (received := head.feed(data)) is not None:
                        return received
        except BadHeadError as refused:
            self._deny(refused.reason)
            await self._turn_away(TurnedAway(refused.status))
            return None
        if trio.current_time() >= self._reading.deadline:
            self._deny(Denial.HEAD_TOO_SLOW)
        return None

    async def _admit(self, head: Head, received: bytes) -> None:
        self._request_id = token_hex(8)
        known = self._listener.gate(Arrival(head, self._client, self._request_id))
        if isinstance(known, TurnedAway):
            await trio.sleep(known.after_seconds)
            await self._turn_away(known)
            await self._close()
        else:
            await self._serve(received, known)

    async def _turn_away(self, away: TurnedAway) -> None:
        self._request_id = self._request_id or token_hex(8)
        await self._write(empty_answer(away.status, self._request_id, away.headers))

    async def _serve(self, received: bytes, known: object) -> None:
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
                    known=known,
                )
                await self._read(protocol, received)
                unanswered = protocol.stream is not None
                await protocol.handle(Closed())
                await self._close()
                if unanswered:
                    answering.cancel()

    def report(self, failure: Exception) -> None:
        self._deny(Denial.CRASHED)
        request_id = self._protocol.request_id if self._protocol else self._request_id
        self._service.failures.report(failure, request_id=request_id)

    def _deny(self, reason: Denial) -> None:
        self._listener.on_denied(reason, self._client[0])

    async def _read(self, protocol: StrictProtocol, received: bytes) -> None:
        self._reading = trio.CancelScope(deadline=self._reading.deadline)
        with self._service.connections.tracked(self._reading), self._reading:
            await protocol.handle(RawData(received))
            while not self._peer_ended:
                await protocol.handle(RawData(await self._receive()))
        if trio.current_time() >= self._reading.deadline and not protocol.awaits_first_byte:
            self._deny(Denial.HEAD_TOO_SLOW)

    async def _receive(self) -> bytes:
        try:
            data = await self._stream.receive_some(_RECEIVE_BYTES)
        except trio.BrokenResourceError:
            data = b""
        self._peer_ended = not data
        return bytes(data)

    async def _act(self, event: Event) -> None:
        """What the protocol wants done with the socket."""
        match event:
            case RawData(data=data):
                await self._write(data)
            case Updated(idle=idle):
                self._answered = False  # what was answered before is not waited for at the end
                idle_until = trio.current_time() + self._listener.header_seconds
                self._reading.deadline = idle_until if idle else math.inf
            case Closed():
                async with self._writing:  # the app ends its answer while the reader may be writing one of its own
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
            if not sent:  # half an answer is on the wire: nothing may follow it
                self._reading.cancel()

    async def _close(self) -> None:
        """Ends our side at once, then takes in what is still coming, for a moment (RFC 9112, section 9.6).

        Closing with bytes unread makes the kernel reset the connection, and the peer may lose the answer.
        """
        bytes_left = _LINGER_BYTES
        with trio.move_on_after(_LINGER_SECONDS):
            if self._answered and not self._peer_ended:
                await self._send_end()
            while self._answered and not self._peer_ended and bytes_left > 0:
                bytes_left -= len(await self._receive())
        await trio.aclose_forcefully(self._stream)

    async def _send_end(self) -> None:
        async with self._writing:  # an answer may still be under way when a broken body ends the reading
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._peer_ended = True
