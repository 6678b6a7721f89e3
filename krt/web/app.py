"""The public app: which requests exist, and that each of them is recorded."""

from collections.abc import Awaitable, Callable
from typing import cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.web.answers import Answer, not_found
from krt.web.call import Call, Door, post_event
from krt.web.requests import Record, RequestLog

Asgi = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]

# Compared with the bytes of the request line: what Quart's router makes of them is never asked.
_ROUTES = {("POST", b"/event", b""): "event", ("GET", b"/healthz", b""): "health"}
_RECORD = "krt.record"  # in a request's scope


def build_app(door: Door, requests: RequestLog) -> Asgi:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # krt.serving bounds both
    app.config["PROPAGATE_EXCEPTIONS"] = True  # to krt.serving, which logs a crash without quoting anybody

    @app.post("/event")
    async def event() -> Response:
        headers = tuple((name.lower(), value) for name, value in request.scope["headers"])
        record = _record()
        return _response(record.ends_with(await post_event(door, Call("/event", headers, record), _body)))

    @app.get("/healthz")
    async def healthz() -> Response:
        ok = Answer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok")
        return _response(_record().ends_with(ok))

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return _response(_record().ends_with(Answer(error.code or 500, "refused")))

    async def public(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path = _ROUTES.get((scope["method"], scope["raw_path"], scope["query_string"]))
        with requests.record(scope, path=path or "other") as record:
            if path is None:
                record.ends_with(not_found())
                await _send_not_found(send)
            else:
                cast("dict[str, object]", scope)[_RECORD] = record
                await app(scope, receive, send)

    return public


def _record() -> Record:
    return cast("Record", cast("dict[str, object]", request.scope)[_RECORD])


async def _body() -> bytes:
    data = await request.get_data(cache=False)
    assert isinstance(data, bytes), "text was not asked for"
    return data


async def _send_not_found(send: ASGISendCallable) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, answer.headers)
    if "Content-Type" not in answer.headers:
        del response.headers["Content-Type"]
    return response
