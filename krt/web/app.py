"""The public app: which requests exist, and that each of them is recorded."""

from collections.abc import Awaitable, Callable
from typing import cast

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
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

_RECORD = "krt.record"  # in a request's scope


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
            return _response(no_such_event())
        return await _answered(await get_event(door, _call(), event, float(request.args.get("wait", 0))))

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
            if route:
                cast("dict[str, object]", scope)[_RECORD] = record
                await app(scope, receive, send)
            else:
                record.ends_with(not_found())
                await _send_not_found(send)

    return public


def _call() -> Call:
    headers = tuple((name.lower(), value) for name, value in request.scope["headers"])
    return Call(request.scope["path"], headers, _record(), request.scope["state"].get("known"))


def _record() -> Record:
    return cast("Record", cast("dict[str, object]", request.scope)[_RECORD])


async def _body() -> bytes:
    data = await request.get_data(cache=False)
    assert isinstance(data, bytes), "text was not asked for"
    return data


async def _send_not_found(send: ASGISendCallable) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


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
