"""What the stand-ins need besides krt.serving.asgi: read a capped body, send one answer, live through lifespan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from krt.errors import KrtError
from krt.serving.asgi import Receive, Send, send_body, send_head

MAX_BODY_BYTES = 3_145_728  # the API server's own limit


class BodyTooLarge(KrtError):
    """The request's body is longer than MAX_BODY_BYTES."""


@dataclass(frozen=True, slots=True)
class StandInAnswer:
    """One HTTP answer, whole."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_body(receive: Receive) -> bytes:
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


async def start(send: Send, answer: StandInAnswer, *, length: int | None) -> None:
    """Send the head; `length` None means chunks until the end."""
    headers = {"content-type": answer.content_type, **answer.headers}
    if length is not None:
        headers["content-length"] = str(length)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send_head(send, answer.status, raw)


async def respond(send: Send, answer: StandInAnswer) -> None:
    await start(send, answer, length=len(answer.body))
    await send_body(send, answer.body, more=False)


async def break_off(send: Send, answer: StandInAnswer) -> None:
    """Send half of it: a server breaks the connection when its application returns before the last byte."""
    await start(send, answer, length=len(answer.body))
    await send_body(send, answer.body[: len(answer.body) // 2], more=True)


async def live(receive: Receive, send: Send) -> None:
    """Answer the lifespan protocol; there is nothing to start or stop in it."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
