"""The public app: which requests exist, and that each of them is recorded.

Plain ASGI, without Quart: of four routes it would only call what is called here, take 0.2 ms of 1.4 for that
(docs/performance.md), and keep 20 KB for each call that waits.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from krt.core import event_id as event_ids
from krt.web.answers import Answer, no_such_event, not_found
from krt.web.call import Call, Door, post_event
from krt.web.gate import route_of
from krt.web.requests import Record, RequestLog
from krt.web.status import get_event

Asgi = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]


def build_app(door: Door, requests: RequestLog) -> Asgi:
    """The app behind the public listener: whatever is not exactly a route is a 404 without a body."""

    async def public(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return  # it has no lifespan
        route = route_of(scope["method"].encode(), scope["state"]["target"])
        with requests.record(scope, path=route or "other") as record:
            try:
                answer = await _answer(door, route, scope, receive, record)
            except _HungUpError:
                return  # nobody is there to be answered, or krt.serving has answered
            await _send(send, record.ends_with(answer))

    return public


async def _answer(
    door: Door, route: str | None, scope: HTTPScope, receive: ASGIReceiveCallable, record: Record
) -> Answer:
    match route:
        case "event" | "dry_run":
            return await post_event(door, _call(scope, record), partial(_body, receive))
        case "report":
            return await _report(door, scope, record)
        case "health":
            return Answer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok")
        case _:
            return not_found()


async def _report(door: Door, scope: HTTPScope, record: Record) -> Answer:
    _, _, wait = scope["query_string"].partition(b"wait=")
    try:
        event = event_ids.parse(scope["path"].removeprefix("/events/"))
    except ValueError:  # digits, but no id: 00-1
        return no_such_event()
    return await get_event(door, _call(scope, record), event, float(wait or 0))


def _call(scope: HTTPScope, record: Record) -> Call:
    headers = tuple((name.lower(), value) for name, value in scope["headers"])
    return Call(scope["path"], headers, record, scope["state"].get("known"))


class _HungUpError(Exception):
    """The peer is gone, or its body broken, and has not come whole."""


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
