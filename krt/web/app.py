"""The public app: which requests exist, and that each of them is recorded.

Calls that announce are answered here, for Quart would make each a quarter dearer; it has the rest
(docs/decisions/0008-strangers-before-the-app.md).
"""

from contextlib import suppress
from functools import partial
from typing import cast

import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.core import event_id as event_ids
from krt.serving.asgi import App, HTTPScope, Receive, Scope, Send, send_answer
from krt.web.answers import Answer, healthy, no_such_event, not_found
from krt.web.call import Call, Door, post_event
from krt.web.gate import route_of
from krt.web.requests import Record, RequestLog
from krt.web.status import get_event

_RECORD = "krt.record"  # in a request's scope
_ANNOUNCING = {"event", "dry_run"}  # routes


def build_app(door: Door, requests: RequestLog) -> App:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # krt.serving bounds both
    app.config["PROPAGATE_EXCEPTIONS"] = True  # to krt.serving, which logs a crash without quoting anybody

    @app.get("/events/<id>")
    async def status(id: str) -> Response:  # noqa: A002 - as the path names it
        try:
            event = event_ids.parse(id)
        except ValueError:  # digits, but no id: 00-1
            return await _answered(no_such_event())
        call = _call(cast("HTTPScope", request.scope), _record())
        return await _answered(await get_event(door, call, event, float(request.args.get("wait", 0))))

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return await _answered(Answer(error.code or 500, "refused"))

    async def public(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        route = route_of(scope["method"].encode(), scope["state"]["target"])
        with requests.record(scope, path=route or "other") as record:
            if route is None:
                await _answer(send, record.ends_with(not_found()))
            elif route == "health":
                await _answer(send, record.ends_with(healthy()))
            elif route in _ANNOUNCING:
                with suppress(_HungUpError):  # nobody is there to be answered, or krt.serving has answered
                    answer = await post_event(door, _call(scope, record), partial(_body, receive))
                    await _answer(send, record.ends_with(answer))
            else:
                cast("dict[str, object]", scope)[_RECORD] = record
                await app(scope, receive, send)

    return public


def _record() -> Record:
    return cast("Record", cast("dict[str, object]", request.scope)[_RECORD])


def _call(scope: HTTPScope, record: Record) -> Call:
    return Call(scope["path"], tuple(scope["headers"]), record, scope["state"].get("known"))


class _HungUpError(Exception):
    """The peer is gone, or its body broken, and has not come whole."""


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:  # krt.serving bounds size and time
        event = await receive()
        if event["type"] != "http.request":
            raise _HungUpError
        pieces.append(event["body"])
        if not event["more_body"]:
            return b"".join(pieces)


async def _answer(send: Send, answer: Answer) -> None:
    await send_answer(send, answer.status, answer.raw_headers, answer.body)


async def _answered(answer: Answer) -> Response:
    _record().ends_with(answer)
    response = Response(answer.body, answer.status, answer.headers)
    if "Content-Type" not in answer.headers:
        del response.headers["Content-Type"]
    await trio.lowlevel.checkpoint()  # whoever has hung up meanwhile is cancelled here; Quart would call it a crash
    return response
