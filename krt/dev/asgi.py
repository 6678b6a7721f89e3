"""The little of ASGI that the stand-ins need: read a capped body, send one answer, live through lifespan."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable

from krt.errors import KrtError

MAX_BODY_BYTES = 3_145_728  # the API server's own limit


class BodyTooLarge(KrtError):
    """The request's body is longer than MAX_BODY_BYTES."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_body(receive: ASGIReceiveCallable) -> bytes:
    """The whole body, read to its end. Raises BodyTooLarge; what a client that went away had sent."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message["body"]
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        if not message["more_body"]:
            return bytes(body)


async def start(send: ASGISendCallable, answer: Answer, *, length: int | None) -> None:
    """Send the head; `length` None means chunks until the end."""
    headers = {"content-type": answer.content_type, **answer.headers}
    if length is not None:
        headers["content-length"] = str(length)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw, "trailers": False})


async def write(send: ASGISendCallable, data: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def respond(send: ASGISendCallable, answer: Answer) -> None:
    await start(send, answer, length=len(answer.body))
    await write(send, answer.body, more=False)


async def break_off(send: ASGISendCallable, answer: Answer) -> None:
    """Send half of it: a server breaks the connection when its application returns before the last byte."""
    await start(send, answer, length=len(answer.body))
    await write(send, answer.body[: len(answer.body) // 2], more=True)


@asynccontextmanager
async def while_connected(receive: ASGIReceiveCallable) -> AsyncIterator[None]:
    """The body of the `async with` is cancelled when the client goes away."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_on_disconnect, receive, nursery.cancel_scope)
        yield
        nursery.cancel_scope.cancel()


async def _cancel_on_disconnect(receive: ASGIReceiveCallable, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def live(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer the lifespan protocol; there is nothing to start or stop in it."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
