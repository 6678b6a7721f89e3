"""The public app: which requests exist, and that each of them is recorded."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.core import event_id as event_ids
from krt.web.answers import Answer, no_such_event, not_found
from krt.web.call import Call, Door, post_event
from krt.web.gate import route_of
from krt.web.requests import Record, RequestLog
from krt.web.status import get_event

Asgi = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]

_ANNOUNCE = frozenset({"event", "dry_run"})
_RECORD = "krt.record"  # in a request's scope


def build_app(door: Door, requests: RequestLog) -> Asgi:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # krt.serving bounds both
    app.config["PROPAGATE_EXCEPTIONS"] = True  # to krt.serving, which logs a crash without quoting anybody

    @app.get("/events/<id>")
    async def status(id: str) -> Response:  # noqa: A002 - as the path names it
        try:
            event = event_ids.parse(id)
        except ValueError:  # digits, but no id: 00-1
            return _response(no_such_event())
        call = _call_of(cast("HTTPScope", request.scope), _record())
        return await _answered(await get_event(door, call, event, float(request.args.get("wait", 0))))

    @app.get("/healthz")
    async def healthz() -> Response:
        return _response(Answer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok"))

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return _response(Answer(error.code or 500, "refused"))

    async def public(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        route = route_of(scope["method"].encode(), scope["raw_path"], scope["query_string"])
        with requests.record(scope, path=route or "other") as record:
            if route in _ANNOUNCE:
                await _announce(door, scope, receive, send, record)
            elif route:
                cast("dict[str, object]", scope)[_RECORD] = record
                await app(scope, receive, send)
            else:
                await _send(send, record.ends_with(not_found()))

    return public


def _call_of(scope: HTTPScope, record: Record) -> Call:
    headers = tuple((name.lower(), value) for name, value in scope["headers"])
    return Call(scope["path"], headers, record, scope["state"].get("known"))


def _record() -> Record:
    return cast("Record", cast("dict[str, object]", request.scope)[_RECORD])


async def _announce(
    door: Door, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, record: Record
) -> None:
    """Without Quart: it would only call this, and take 0.2 ms of 1.4 for that (docs/performance.md)."""
    call = _call_of(scope, record)
    try:
        answer = await post_event(door, call, partial(_body, receive))
    except _HungUpError:
        return  # cut: nobody is there to be answered
    await _send(send, record.ends_with(answer))


class _HungUpError(Exception):
    """The peer is gone, and has not sent the whole body."""


async def _body(receive: ASGIReceiveCallable) -> bytes:
    pieces = []
    while True:  # krt.serving bounds size and time
        event = await receive()
        if event["type"] != "http.request":
            raise _HungUpError
        pieces.append(event["body"])
        if not event["more_body"]:
            return b"".join(pieces)


async def _send(send: ASGISendCallable, answer: Answer) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _answered(answer: Answer) -> Response:
    response = _response(answer)
    await trio.lowlevel.checkpoint()  # whoever has hung up meanwhile is cancelled here; Quart would call it a crash
    return response


def _response(answer: Answer) -> Response:
    _record().ends_with(answer)
    response = Response(answer.body, answer.status, answer.headers)
    if "Content-Type" not in answer.headers:
        del response.headers["Content-Type"]
    return response
