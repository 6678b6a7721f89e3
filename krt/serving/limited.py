"""Bounds the body of a request, in bytes and in seconds, before the app sees it."""

import math
from typing import cast

import trio

from krt.errors import BodyRefused
from krt.serving.asgi import App, HTTPScope, Receive, ReceiveEvent, Scope, Send, SendEvent, send_answer
from krt.serving.denial import Denial
from krt.serving.listener import Listener


def limited(app: App, listener: Listener) -> App:
    """The app, with a `receive` that raises BodyRefused if the body is too large (413) or too slow (408).

    The app may catch BodyRefused and answer. If it does not, this wrapper sends an empty answer with the status. The
    time runs from the first `receive`. Once the app has begun its answer, nothing is refused any more: the time limit
    ends, and data beyond the size limit is discarded.
    """

    async def limited_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _LimitedRequest(scope, receive, send, listener).run(app)
        else:
            await app(scope, receive, send)

    return limited_app


class _LimitedRequest:
    def __init__(self, scope: HTTPScope, receive: Receive, send: Send, listener: Listener) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._listener = listener
        self._bytes_left = listener.max_body_bytes
        self._deadline: float | None = None
        self._waiting = trio.CancelScope()
        self._answered = False

    async def run(self, app: App) -> None:
        refused: BodyRefused | None = None
        try:
            await app(self._scope, self._receive_limited, self._send_noted)
        except* BodyRefused as group:
            refused = _leaf(group)
        if refused and not self._answered:
            await self._refuse(refused)

    async def _receive_limited(self) -> ReceiveEvent:
        if not self._answered and _declared_bytes(self._scope) > self._listener.max_body_bytes:
            raise BodyRefused(413, Denial.BODY_TOO_LARGE)
        while True:
            event = await self._receive_in_time()
            if event["type"] != "http.request":
                return event
            self._bytes_left -= len(event["body"])
            if not event["more_body"]:
                self._deadline = math.inf
            if self._bytes_left >= 0:
                return event
            if not self._answered:
                raise BodyRefused(413, Denial.BODY_TOO_LARGE)

    async def _receive_in_time(self) -> ReceiveEvent:
        if self._deadline is None:
            self._deadline = math.inf if self._answered else trio.current_time() + self._listener.body_seconds
        while True:
            with trio.CancelScope(deadline=self._deadline) as self._waiting:
                return await self._receive()
            if not self._answered:
                raise BodyRefused(408, Denial.BODY_TOO_SLOW)

    async def _send_noted(self, event: SendEvent) -> None:
        self._answered = True
        self._deadline = self._waiting.deadline = math.inf
        await self._send(event)

    async def _refuse(self, refused: BodyRefused) -> None:
        state = self._scope["state"]
        self._listener.on_denied(Denial(refused.reason), state["peer"], state["request_id"])
        await send_answer(self._send, refused.status)


def _leaf(group: BaseExceptionGroup[BodyRefused]) -> BodyRefused:
    first = group.exceptions[0]
    return first if isinstance(first, BodyRefused) else _leaf(first)


def _declared_bytes(scope: HTTPScope) -> int:
    headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
