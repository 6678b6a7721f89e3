"""The public app: answers and records each request that the gate let in (docs/decisions/0008)."""

from contextlib import suppress
from functools import partial

from krt.errors import BodyRefused
from krt.serving.asgi import App, HTTPScope, Receive, Scope, Send, send_answer, while_connected
from krt.web.answers import WebAnswer, healthy, of_error
from krt.web.call import Call, Intake, post_event
from krt.web.gate import Caller
from krt.web.requests import Record, RequestLog
from krt.web.routes import Route, route_of
from krt.web.status import ReportDesk, get_event


def build_app(intake: Intake, desk: ReportDesk, requests: RequestLog) -> App:
    """The ASGI app of the public listener. The gate has already answered requests that match no route."""

    async def public(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # the app has no lifespan
        route = route_of(scope["method"].encode(), scope["state"]["target"])
        with requests.record(scope, route) as record, suppress(_HungUpError):
            answer = healthy() if route is Route.HEALTH else await answer_to(_call(scope, route, record), receive)
            record.ends_with(answer)
            await send_answer(send, answer.status, answer.raw_headers, answer.body)

    async def answer_to(call: Call, receive: Receive) -> WebAnswer:
        if call.route.announces:
            return await post_event(intake, call, partial(_body, receive))
        return await _report(desk, call, receive)

    return public


def _call(scope: HTTPScope, route: Route, record: Record) -> Call:
    caller = scope["state"]["known"]
    assert isinstance(caller, Caller), "the gate judges every request of the public listener"
    record.identity = caller.identity
    return Call(route, scope["state"]["target"], tuple(scope["headers"]), caller, record.request_id)


async def _report(desk: ReportDesk, call: Call, receive: Receive) -> WebAnswer:
    try:
        await _body(receive)  # usually empty; if not, it is bounded like any other body
    except BodyRefused as refused:
        return of_error(refused)
    async with while_connected(receive):
        return await get_event(desk, call)
    raise _HungUpError


class _HungUpError(Exception):
    """The peer hung up, or its body was malformed and krt.serving has answered. The app must send nothing."""


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:  # krt.serving.limited bounds size and time
        event = await receive()
        if event["type"] != "http.request":
            raise _HungUpError
        pieces.append(event["body"])
        if not event["more_body"]:
            return b"".join(pieces)
