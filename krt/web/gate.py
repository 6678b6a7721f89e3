"""Refuses unknown callers by the head of their request, before a body is read or the app runs.

The public listener closes with every answer, so the gate sees each of its requests. The app relies on that and
verifies no caller again.
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

# Takes the header fields and returns the verified caller. Raises TokenRejected and KeysUnavailable.
Identify = Callable[[Iterable[tuple[bytes, bytes]]], Identity]


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified identity, and the policy rules whose `who` matches it: at least one."""

    identity: Identity
    rules: tuple[Rule, ...]


def gate_of(identify: Identify, rules: tuple[Rule, ...], requests: RequestLog) -> Gate:
    """A gate that returns a Caller for a known caller, None for a health probe, and TurnedAway for everybody else."""
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
