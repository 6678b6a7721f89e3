"""The parts of Hypercorn 0.18 that krt replaces. Only krt.serving imports Hypercorn; an import contract enforces that.

Kept: H11Protocol (HTTP/1 on h11), HTTPStream (ASGI), WorkerContext, Config. Replaced, because of measured faults:

- trio.run.worker_serve and trio.tcp_server.TCPServer, by krt.serving.http and .connection. In Hypercorn an exception
  of one connection ends the process (pgjones/hypercorn#225), sending is shielded from every deadline, and nothing
  bounds the number and the lifetime of connections.
- protocol.ProtocolWrapper, without a replacement. It switches to HTTP/2, by prior knowledge or upgrade, despite ALPN.
- trio.task_group.TaskGroup.spawn_app, by AppTasks. In Hypercorn a disconnect waits for room in the app's queue and
  reaches the app only once, and the log of an app's failure quotes the request.
- protocol.h11.H11Protocol, by the overrides of StrictProtocol:
  - krt.serving.head checks every head before h11 sees it: the first head of a connection in krt.serving.connection,
    later ones in `handle`. h11 sees no Upgrade and no Expect.
  - `_run` sends 100 Continue when the app asks for the body, and not before.
  - `_create_stream` gives the request its id.
  - `stream_send` and `_send_error_response` add krt's headers to each answer.
  - `_joined` sends head and body in one packet: an answer in two packets wakes its reader twice.
  - `_maybe_recycle` closes the connection before the app hears of the end. Otherwise Quart-Trio cancels the task that
    was about to close. If the app had answered without reading the body, the socket would then stay open for ever.

tests/serving/test_hypercorn.py fails if a new Hypercorn no longer needs these replacements, or no longer fits them.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from typing import Any

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.typing import AppWrapper, ConnectionState

from krt.serving.asgi import Receive, ReceiveEvent, Scope, Send, SendEvent
from krt.serving.denial import Denial, DeniedAnswer
from krt.serving.head import BadHeadError, Fields, HeadReader
from krt.serving.service import Service

SocketName = tuple[str, int]
_HeaderList = list[tuple[bytes, bytes]]
_OURS = frozenset({b"connection", b"server", b"x-request-id"})


class StrictProtocol(H11Protocol):
    """One connection that speaks HTTP/1.1 or 1.0 and nothing else."""

    def __init__(
        self,
        service: Service,
        *,
        tasks: TaskGroup,
        client: SocketName,
        server: SocketName,
        send: Callable[[Event], Awaitable[None]],
        deny: Callable[[Denial], None],
        request_id: str,
        peer: str,
        speaks_for: Callable[[Fields], str],
        known: object,
        awaits_continue: bool,
    ) -> None:
        super().__init__(
            app=self._run,
            config=service.config,
            context=service.context,
            task_group=tasks,
            connection_state=ConnectionState({}),
            ssl=False,
            client=client,
            server=server,
            send=self._joined,
        )
        self._act = send
        self._unsent = b""  # the head of an answer, held until its body begins
        self._holds_next = False
        self._peer, self._speaks_for = peer, speaks_for
        self._service = service
        self._deny = deny
        self._head: HeadReader | None = None  # krt.serving.connection has checked the first head
        self._known = known
        self._awaits_continue = awaits_continue
        self._refusal = DeniedAnswer()
        self._recycled = trio.Event()  # set when the connection is ready for the next request
        self.request_id = request_id  # of the current request, or of the next one

    @property
    def awaits_first_byte(self) -> bool:
        """Whether the connection is idle between two requests."""
        return self._head is not None and not self._head.started

    async def handle(self, event: Event) -> None:
        """Take data or the end from the socket. Between requests, the head is checked first."""
        if isinstance(event, RawData) and event.data and self._has_whole_request:
            await self._recycled.wait()  # the peer may read the whole answer before this task knows that it was sent
        if isinstance(event, RawData) and self._head is not None:
            await self._handle_head(self._head, event.data)
        else:
            await super().handle(event)

    async def _handle_head(self, head: HeadReader, data: bytes) -> None:
        if not data and head.started:
            self._deny(Denial.HEAD_INCOMPLETE)
        try:
            received = head.feed(data)
        except BadHeadError as refused:
            self._speaks_for(refused.fields)
            self._deny(refused.reason)
            await self._answer_empty(refused.status)
            await self.send(Closed())
            return
        if received is not None and head.head:
            self._peer = self._speaks_for(head.head.fields)
            self._head, self._awaits_continue = None, head.head.awaits_continue
            await super().handle(RawData(received))

    async def _create_stream(self, request: h11.Request) -> None:
        self._recycled = trio.Event()
        self._refusal = DeniedAnswer()
        self.connection_state = ConnectionState(
            {
                **self._service.state,
                "request_id": self.request_id,
                "target": request.target,
                "peer": self._peer,
                "known": self._known,
                "refusal": self._refusal,
            }
        )
        await super()._create_stream(request)

    async def _run(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        sync_spawn: Callable[..., Any],
        call_soon: Callable[..., Any],
    ) -> None:
        async def receive_continued() -> ReceiveEvent:
            if self._awaits_continue:
                self._awaits_continue = False
                if self.connection.our_state is h11.SEND_RESPONSE and self.connection.their_state is h11.SEND_BODY:
                    await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[]))
            return await receive()

        # `receive_continued` sends the 100 when the app first asks for the body, not before (RFC 9110, 10.1.1).
        await self._service.app(scope, receive_continued, send, sync_spawn, call_soon)

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a part of the app's answer, with krt's own headers added."""
        if isinstance(event, Response):
            event = replace(event, headers=self._sealed(event.headers))
            self._holds_next = any(name == b"content-length" for name, _ in event.headers)
        await super().stream_send(event)

    async def _joined(self, event: Event) -> None:
        """Pass `event` on to `_act`, but hold a head with a content-length until its body follows: one packet for both.

        The head of a stream is sent at once: the first piece of its body may be long in coming.
        """
        if self._holds_next and isinstance(event, RawData):
            self._unsent, self._holds_next = event.data, False
            return
        unsent, self._unsent = self._unsent, b""
        if isinstance(event, RawData):
            event = RawData(unsent + event.data)
        elif unsent:
            await self._act(RawData(unsent))
        await self._act(event)

    async def _send_error_response(self, status_code: int) -> None:
        _, peer_ended = self.connection.trailing_data
        reason = Denial.BODY_INCOMPLETE if peer_ended else Denial.BODY_FRAMING
        self._refusal.status, self._refusal.reason = status_code, reason
        self._deny(reason)
        await self._answer_empty(status_code)

    async def _answer_empty(self, status_code: int) -> None:
        headers = [*self._sealed([(b"content-length", b"0")]), *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.EndOfMessage())

    def _sealed(self, headers: _HeaderList) -> _HeaderList:
        sealed = [(name, value) for name, value in headers if name.lower() not in _OURS]
        sealed.append((b"x-request-id", self.request_id.encode()))
        if self._must_close:
            sealed.append((b"connection", b"close"))
        return sealed

    async def _maybe_recycle(self) -> None:
        if self._must_close or self.connection.our_state is not h11.DONE:
            await self.send(Closed())
            await self._close_stream()
        else:
            await super()._maybe_recycle()
            self.request_id, self._known = token_hex(8), None
            self._head = HeadReader(self._service.listener.head_limits)
            self._recycled.set()

    @property
    def _has_whole_request(self) -> bool:
        """Whether new data belongs to the next request, for which the connection is not ready yet."""
        return self._head is None and self.connection.their_state is h11.DONE

    @property
    def _must_close(self) -> bool:
        pipelined, _ = self.connection.trailing_data
        return (
            self._service.listener.close_every_answer
            or self._service.connections.draining
            or self.connection.their_state is not h11.DONE  # the rest of the body will not be read
            or bool(pipelined)  # h11 has read the next head already, unchecked
        )


class AppTasks(TaskGroup):
    """The nursery of one connection, with one task of the app for each request."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        super().__init__()
        self._failed = failed

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[SendEvent | None], Awaitable[None]],
    ) -> Callable[[ReceiveEvent], Awaitable[None]]:
        """Start the app's task for one request. Returns the function that puts events into the app's queue."""
        inbox, outbox = trio.open_memory_channel[ReceiveEvent](config.max_app_queue_size)

        async def put(event: ReceiveEvent) -> None:
            if event["type"] == "http.disconnect":
                inbox.close()
                return
            with suppress(trio.ClosedResourceError):  # the app has answered without the rest of the body
                await inbox.send(event)

        async def receive() -> ReceiveEvent:
            try:
                return await outbox.receive()
            except trio.EndOfChannel:
                return {"type": "http.disconnect"}

        self.spawn(self._run, app, scope, receive, send)
        return put

    async def _run(
        self,
        app: AppWrapper,
        scope: Scope,
        receive: Receive,
        send: Callable[[SendEvent | None], Awaitable[None]],
    ) -> None:
        try:
            await app(scope, receive, send, trio.to_thread.run_sync, trio.from_thread.run)
        except* Exception as failure:  # noqa: BLE001 - the HTTP edge: answered with 500 where still possible
            self._failed(failure)
        await send(None)
