"""The public app: which requests exist, and the one line that each leaves in the log."""

import re
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.core import event_id as event_ids
from krt.logs import Log
from krt.web.answers import Answer, no_such_event
from krt.web.call import DRY_RUN, EVENT, Call, Door, post_event
from krt.web.status import get_event

log = Log("web")

Asgi = Callable[..., Awaitable[None]]

# Compared with the bytes of the request line: what Quart's router makes of them is never asked.
_ROUTES = re.compile(
    rb"POST (/event|/event/dry-run)\?|GET /healthz\?|GET /events/[0-9]{1,20}-[0-9]{1,20}\?(wait=[0-9]{1,4})?"
)


def build_app(door: Door) -> Asgi:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # krt.serving bounds both

    @app.post(EVENT)
    @app.post(DRY_RUN)
    async def event() -> Response:
        began, call = perf_counter(), _call()
        answer = await post_event(door, call, _body)
        _say(call, answer, began)
        return _response(answer)

    @app.get("/events/<id>")
    async def status(id: str) -> Response:  # noqa: A002 - as the path names it
        began, call = perf_counter(), _call()
        try:
            answer = await get_event(door, call, event_ids.parse(id), float(request.args.get("wait", 0)))
        except ValueError:  # digits, but no id: 00-1
            answer = no_such_event()
        _say(call, answer, began)
        return _response(answer)

    @app.get("/healthz")
    async def healthz() -> Response:
        return _response(Answer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok"))

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return _response(Answer(error.code or 500, "refused"))

    async def public(scope: dict[str, Any], receive: Asgi, send: Asgi) -> None:
        if scope["type"] == "http" and not _ROUTES.fullmatch(_line(scope)):
            await _not_found(send)
        else:
            await app(scope, receive, send)  # type: ignore[arg-type]

    return public


def _line(scope: dict[str, Any]) -> bytes:
    line: bytes = scope["method"].encode() + b" " + scope["raw_path"] + b"?" + scope["query_string"]
    return line


def _call() -> Call:
    headers = tuple((name.lower(), value) for name, value in request.scope["headers"])
    return Call(request.scope["path"], headers, request.scope["state"]["request_id"])


async def _body() -> bytes:
    data = await request.get_data(cache=False)
    assert isinstance(data, bytes), "text was not asked for"
    return data


async def _not_found(send: Asgi) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, answer.headers)
    if "Content-Type" not in answer.headers:
        del response.headers["Content-Type"]
    return response


def _say(call: Call, answer: Answer, began: float) -> None:
    milliseconds = round((perf_counter() - began) * 1000, 1)
    log.info(
        "request_ended",
        request_id=call.request_id,
        status=answer.status,
        reason=answer.reason,
        milliseconds=milliseconds,
    )
