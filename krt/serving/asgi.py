"""ASGI as krt speaks it: the names of its types, and the few messages that every app here sends.

The types are Hypercorn's. They have their names here and nowhere else, so that a new version of Hypercorn, or another
server, changes this file and no app (docs/decisions/0002-hardened-hypercorn.md).
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
    """Send status and headers. Without a content-length among them the body goes in chunks."""
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})


async def send_body(send: Send, data: bytes, *, more: bool) -> None:
    """Send a piece of the body; the last piece has `more` false."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def send_answer(send: Send, status: int, headers: RawHeaders = (), body: bytes = b"") -> None:
    """Send a whole answer, with the length of its body."""
    await send_head(send, status, [*headers, (b"content-length", b"%d" % len(body))])
    await send_body(send, body, more=False)


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the body of the `async with` when the peer hangs up. What the peer still sends is thrown away."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_on_disconnect, receive, nursery.cancel_scope)
        yield
        nursery.cancel_scope.cancel()


async def _cancel_on_disconnect(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
