"""ASGI helpers for the stand-ins, in addition to krt.serving.asgi: bounded bodies, whole answers, and the lifespan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from krt.errors import KrtError
from krt.serving.asgi import Receive, Send, send_body, send_head

MAX_BODY_BYTES = 3_145_728  # kube-apiserver's limit


class BodyTooLarge(KrtError):
    """The body of the request is longer than MAX_BODY_BYTES."""


@dataclass(frozen=True, slots=True)
class StandInAnswer:
    """One complete HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_body(receive: Receive) -> bytes:
    """The whole body; if the client hangs up, the part that it sent. Raises BodyTooLarge."""
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
    """Send the head. If `length` is None, the body is sent in chunks."""
    headers = {"content-type": answer.content_type, **answer.headers}
    if length is not None:
        headers["content-length"] = str(length)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send_head(send, answer.status, raw)


async def respond(send: Send, answer: StandInAnswer) -> None:
    """Send the whole answer."""
    await start(send, answer, length=len(answer.body))
    await send_body(send, answer.body, more=False)


async def break_off(send: Send, answer: StandInAnswer) -> None:
    """Send half of the answer. The server cuts the connection if the app returns before the last byte."""
    await start(send, answer, length=len(answer.body))
    await send_body(send, answer.body[: len(answer.body) // 2], more=True)


async def live(receive: Receive, send: Send) -> None:
    """Answer the lifespan protocol, without anything to start or stop."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
