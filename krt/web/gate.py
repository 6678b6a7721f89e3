"""Turns strangers away by the head of their request: no body is read and no app asked for who is not known.

The public listener closes with every answer, so each of its requests comes by here: nobody judges a caller again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

from krt.core.caller.identity import Identity, Rejection
from krt.core.caller.policy import Rule, rules_for
from krt.errors import KeysUnavailable, TokenRejected
from krt.serving.gate import Arrival, Gate, TurnedAway
from krt.web.answers import WebAnswer, not_found, of_error, unauthorized
from krt.web.patience import Patience
from krt.web.requests import Record, RequestLog
from krt.web.routes import Route, route_of

# Raises TokenRejected and KeysUnavailable.
Identify = Callable[[Iterable[tuple[bytes, bytes]]], Identity]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, verified, and the rules of the policy that name the caller: one at least."""

    identity: Identity
    rules: tuple[Rule, ...]


def gate_of(identify: Identify, rules: tuple[Rule, ...], requests: RequestLog) -> Gate:
    """Lets in whoever is known, and gives the Caller; who only asks for health need not be."""

    patience = Patience()

    def judge(arrival: Arrival) -> TurnedAway | Caller | None:
        began, head = perf_counter(), arrival.head
        route = route_of(head.method, head.target)
        if route is Route.HEALTH:
            return None
        record = Record(arrival.request_id, head.method.decode(), route, arrival.peer)
        judged = not_found() if route is Route.OTHER else _judged(identify, rules, record, head.fields)
        if isinstance(judged, Caller):
            return judged
        record.ends_with(judged)
        requests.ended(record, perf_counter() - began)
        return TurnedAway(judged.status, judged.raw_headers, after_seconds=patience.seconds())

    return judge


def _judged(
    identify: Identify, rules: tuple[Rule, ...], record: Record, fields: tuple[tuple[bytes, bytes], ...]
) -> Caller | WebAnswer:
    try:
        identity = record.identity = identify(fields)
    except (TokenRejected, KeysUnavailable) as error:
        return of_error(error)
    own = rules_for(rules, identity)
    return Caller(identity, own) if own else unauthorized(Rejection.NO_RULE)
