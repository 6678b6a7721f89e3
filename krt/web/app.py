"""The public app: which requests exist, and the one line that each leaves in the log."""

from collections.abc import Awaitable, Callable
from time import perf_counter

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.logs import Log
from krt.web.answers import Answer
from krt.web.call import Call, Door, post_event

log = Log("web")

Asgi = Callable[..., Awaitable[None]]

# Compared with the bytes of the request line: what Quart's router makes of them is never asked.
_ROUTES = {("POST", b"/event", b""), ("GET", b"/healthz", b"")}


def build_app(door: Door) -> Asgi:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # krt.serving bounds both

    @app.post("/event")
    async def event() -> Response:
        began = perf_counter()
        headers = tuple((name.lower(), value) for name, value in request.scope["headers"])
        call = Call("/event", headers, request.scope["state"]["request_id"])
        answer = await post_event(door, call, _body)
        _say(call, answer, began)
        return _response(answer)

    @app.get("/healthz")
    async def healthz() -> Response:
        return _response(Answer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok"))

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return _response(Answer(error.code or 500, "refused"))

    async def public(scope: dict[str, object], receive: Asgi, send: Asgi) -> None:
        if scope["type"] == "http" and (scope["method"], scope["raw_path"], scope["query_string"]) not in _ROUTES:
            await _not_found(send)
        else:
            await app(scope, receive, send)  # type: ignore[arg-type]

    return public


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
