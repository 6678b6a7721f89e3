"""Bounds the body of a request, in bytes and in seconds, before the app behind sees it."""

from math import inf
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

from krt.serving.denial import Denial, OnDenied


def limited(app: ASGIFramework, *, max_body_bytes: int, body_seconds: float, on_denied: OnDenied) -> ASGIFramework:
    """An app that is cancelled, and answered for, when the body grows too large (413) or comes too slowly (408).

    Once the app has begun its answer it is left alone and the rest of the body is thrown away.
    """

    async def limited_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        await _Body(scope, receive, send, max_body_bytes, body_seconds, on_denied).run(app)

    return limited_app


class _Body:
    def __init__(
        self,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        max_bytes: int,
        seconds: float,
        on_denied: OnDenied,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._bytes_left = max_bytes
        self._on_denied = on_denied
        self._answered = self._asked = False
        self._seconds = seconds
        self._reading = trio.CancelScope()

    async def run(self, app: ASGIFramework) -> None:
        if _declared_bytes(self._scope) > self._bytes_left:
            await self._refuse(413, Denial.BODY_TOO_LARGE)
            return
        with self._reading:
            await app(self._scope, self.receive, self.send)
        if self._reading.cancelled_caught and self._bytes_left < 0:
            await self._refuse(413, Denial.BODY_TOO_LARGE)
        elif self._reading.cancelled_caught:
            await self._refuse(408, Denial.BODY_TOO_SLOW)

    async def receive(self) -> ASGIReceiveEvent:
        self._start_the_clock()
        while True:
            event = await self._receive()
            if event["type"] != "http.request":
                return event
            self._bytes_left -= len(event["body"])
            if self._bytes_left >= 0:
                if not event["more_body"]:
                    self._reading.deadline = inf
                return event
            if not self._answered:
                self._reading.cancel()
                await trio.lowlevel.checkpoint()

    def _start_the_clock(self) -> None:
        # An app that asks for no body waits for none.
        if not self._asked and not self._answered:
            self._reading.deadline = trio.current_time() + self._seconds
        self._asked = True

    async def send(self, event: ASGISendEvent) -> None:
        self._answered = True
        self._reading.deadline = inf
        await self._send(event)

    async def _refuse(self, status: int, reason: Denial) -> None:
        self._on_denied(reason, (self._scope["client"] or ("", 0))[0])
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _declared_bytes(scope: HTTPScope) -> int:
    headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
