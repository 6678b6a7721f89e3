"""Bounds the body of a request, in bytes and in seconds, before the app behind sees it."""

import math
from typing import cast

import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from krt.serving.denial import Denial
from krt.serving.listener import Listener


def limited(app: ASGIFramework, listener: Listener) -> ASGIFramework:
    """An app that is cancelled and answered for when the body grows too large (413) or comes too slow (408).

    The time runs from the first `receive` of the app. Once the app has begun its answer it is left alone, and
    what is too much of the body is thrown away.
    """

    async def limited_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await _LimitedRequest(scope, receive, send, listener).run(app)
        else:
            await app(scope, receive, send)

    return limited_app


class _LimitedRequest:
    def __init__(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, listener: Listener
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._listener = listener
        self._bytes_left = listener.max_body_bytes
        self._asked = self._answered = False
        self._reading = trio.CancelScope()

    async def run(self, app: ASGIFramework) -> None:
        if _declared_bytes(self._scope) > self._bytes_left:
            await self._refuse(413, Denial.BODY_TOO_LARGE)
            return
        with self._reading:
            await app(self._scope, self._receive_limited, self._send_noted)
        if not self._reading.cancelled_caught or self._answered:
            return
        if self._bytes_left < 0:
            await self._refuse(413, Denial.BODY_TOO_LARGE)
        else:
            await self._refuse(408, Denial.BODY_TOO_SLOW)

    async def _receive_limited(self) -> ASGIReceiveEvent:
        self._start_the_clock()
        while True:
            event = await self._receive()
            if event["type"] != "http.request":
                return event
            self._bytes_left -= len(event["body"])
            if not event["more_body"]:
                self._reading.deadline = math.inf
            if self._bytes_left >= 0:
                return event
            if not self._answered:
                self._reading.cancel()
                await trio.lowlevel.checkpoint()

    def _start_the_clock(self) -> None:
        if not self._asked and not self._answered:
            self._reading.deadline = trio.current_time() + self._listener.body_seconds
        self._asked = True

    async def _send_noted(self, event: ASGISendEvent) -> None:
        self._answered = True
        self._reading.deadline = math.inf
        await self._send(event)

    async def _refuse(self, status: int, reason: Denial) -> None:
        client = self._scope["client"]
        self._listener.on_denied(reason, client[0] if client else "", self._scope["state"]["request_id"])
        headers = [(b"content-length", b"0")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _declared_bytes(scope: HTTPScope) -> int:
    headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
