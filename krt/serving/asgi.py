"""ASGI types and messages for the apps of krt.

The types are Hypercorn's, renamed here and nowhere else: for another server, or a new version of Hypercorn, this file
changes and no app (docs/decisions/0002-hardened-hypercorn.md).
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    LifespanScope,
    Scope,
)

__all__ = [
    "App",
    "HTTPScope",
    "LifespanScope",
    "RawHeaders",
    "Receive",
    "ReceiveEvent",
    "Scope",
    "Send",
    "SendEvent",
    "send_answer",
    "send_body",
    "send_head",
    "while_connected",
]

App = ASGIFramework
Receive = ASGIReceiveCallable
ReceiveEvent = ASGIReceiveEvent
Send = ASGISendCallable
SendEvent = ASGISendEvent
RawHeaders = Iterable[tuple[bytes, bytes]]


async def send_head(send: Send, status: int, headers: RawHeaders) -> None:
    """Send status and headers. If `headers` has no content-length, the body is sent in chunks."""
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})


async def send_body(send: Send, data: bytes, *, more: bool) -> None:
    """Send one piece of the body. `more` is false for the last piece."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def send_answer(send: Send, status: int, headers: RawHeaders = (), body: bytes = b"") -> None:
    """Send a complete answer; the content-length is added."""
    await send_head(send, status, [*headers, (b"content-length", b"%d" % len(body))])
    await send_body(send, body, more=False)


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the body of the `async with` when the peer hangs up. Data that the peer still sends is discarded."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_on_disconnect, receive, nursery.cancel_scope)
        yield
        nursery.cancel_scope.cancel()


async def _cancel_on_disconnect(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
