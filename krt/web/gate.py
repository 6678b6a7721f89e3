"""Turns strangers away by the head of their request: no body is read and no app asked for who is not known."""

import re
from time import perf_counter

from krt.core.identity import Identity, Rejection
from krt.core.policy import rules_for
from krt.errors import KeysUnavailable, TokenRejected
from krt.serving.gate import Arrival, Gate, TurnedAway
from krt.web.answers import Answer, not_found, of_error, unauthorized
from krt.web.call import Door
from krt.web.patience import Patience
from krt.web.requests import Record, RequestLog

# Compared with the bytes of the request line: ASGI's path and query no longer tell `/event?` from `/event`.
# Where there is GET, there is HEAD (RFC 9110, section 9.1). Load balancers ask for health with a query of theirs.
# The groups are the kinds of path that log and metrics know.
_ROUTES = re.compile(
    rb"(?P<event>POST /event)|(?P<dry_run>POST /event/dry-run)|(?P<health>(?:GET|HEAD) /healthz(?:\?.*)?)"
    rb"|(?P<report>(?:GET|HEAD) /events/[0-9]{1,20}-[0-9]{1,20}(?:\?wait=[0-9]{1,4})?)"
)


def route_of(method: bytes, target: bytes) -> str | None:
    """The kind of path, or None for what is exactly none."""
    route = _ROUTES.fullmatch(b"%b %b" % (method, target))
    return route and route.lastgroup


def gate_of(door: Door, requests: RequestLog) -> Gate:
    """Lets in whoever is known, and gives who that is; who only asks for health need not be."""

    patience = Patience()

    def judge(arrival: Arrival) -> TurnedAway | Identity | None:
        began, head = perf_counter(), arrival.head
        route = route_of(head.method, head.target)
        if route == "health":
            return None
        record = Record(arrival.request_id, head.method.decode(), route or "other", arrival.peer)
        answer = _refusal(door, record, head.fields) if route else not_found()
        if answer is None:
            return record.identity
        record.ends_with(answer)
        requests.ended(record, perf_counter() - began)
        return TurnedAway(answer.status, answer.raw_headers, after_seconds=patience.seconds())

    return judge


def _refusal(door: Door, record: Record, fields: tuple[tuple[bytes, bytes], ...]) -> Answer | None:
    try:
        record.identity = door.identify(fields)
    except (TokenRejected, KeysUnavailable) as error:
        return of_error(error)
    return None if rules_for(door.rules, record.identity) else unauthorized(Rejection.NO_RULE)
