"""The public app: which requests exist, and that each of them is recorded."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.core import event_id as event_ids
from krt.web.answers import Answer, no_such_event, not_found
from krt.web.call import DRY_RUN, EVENT, Call, Door, post_event
from krt.web.gate import route_of
from krt.web.requests import Record, RequestLog
from krt.web.status import get_event

Asgi = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]

_EXCHANGE = "krt.exchange"  # in a request's scope


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What a route needs of its request besides what Quart shows it."""

    record: Record
    receive: ASGIReceiveCallable


def build_app(door: Door, requests: RequestLog) -> Asgi:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # krt.serving bounds both
    app.config["PROPAGATE_EXCEPTIONS"] = True  # to krt.serving, which logs a crash without quoting anybody

    @app.post(EVENT)
    @app.post(DRY_RUN)
    async def event() -> Response:
        return await _answered(await post_event(door, _call(), _body))

    @app.get("/events/<id>")
    async def status(id: str) -> Response:  # noqa: A002 - as the path names it
        try:
            event = event_ids.parse(id)
        except ValueError:  # digits, but no id: 00-1
            return await _answered(no_such_event())
        return await _answered(await get_event(door, _call(), event, float(request.args.get("wait", 0))))

    @app.get("/healthz")
    async def healthz() -> Response:
        return await _answered(Answer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok"))

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return await _answered(Answer(error.code or 500, "refused"))

    async def public(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        route = route_of(scope["method"].encode(), scope["state"]["target"])
        with requests.record(scope, path=route or "other") as record:
            if route is None:
                await _send(send, record.ends_with(not_found()))
                return
            cast("dict[str, object]", scope)[_EXCHANGE] = _Exchange(record, receive)
            try:
                await app(scope, _bodiless() if scope["method"] == "POST" else receive, send)
            except* _HungUpError:
                pass  # nobody is there to be answered, or krt.serving has answered

    return public


def _exchange() -> _Exchange:
    return cast("_Exchange", cast("dict[str, object]", request.scope)[_EXCHANGE])


def _call() -> Call:
    headers = tuple((name.lower(), value) for name, value in request.scope["headers"])
    return Call(request.scope["path"], headers, _exchange().record, request.scope["state"].get("known"))


class _HungUpError(Exception):
    """The peer is gone, or its body broken, and has not come whole."""


async def _body() -> bytes:
    """The body, from krt.serving itself: what it raises of one that it refuses is the route's to answer."""
    pieces = []
    while True:  # krt.serving bounds size and time
        event = await _exchange().receive()
        if event["type"] != "http.request":
            raise _HungUpError
        pieces.append(event["body"])
        if not event["more_body"]:
            return b"".join(pieces)


def _bodiless() -> ASGIReceiveCallable:
    """What Quart is given to read: nothing, for its own task would take a refused body for a crash."""

    async def receive() -> ASGIReceiveEvent:
        return await trio.sleep_forever()

    return receive


async def _send(send: ASGISendCallable, answer: Answer) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _answered(answer: Answer) -> Response:
    _exchange().record.ends_with(answer)
    response = Response(answer.body, answer.status, answer.headers)
    if "Content-Type" not in answer.headers:
        del response.headers["Content-Type"]
    await trio.lowlevel.checkpoint()  # whoever has hung up meanwhile is cancelled here; Quart would call it a crash
    return response
