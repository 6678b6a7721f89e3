"""One call of `POST /event` or `POST /event/dry-run`, in the order that costs a stranger's request the least."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import trio

from krt.core.envelope import Envelope, Origin
from krt.core.event import Event, parse
from krt.core.identity import Identity, Rejection
from krt.core.policy import Rule, check, rules_for
from krt.core.ports import Accept, Accepted, ReadReport
from krt.core.use import Use, use_of
from krt.errors import (
    BodyRefused,
    EventInvalid,
    IdempotencyKeyAlreadyUsed,
    KrtError,
    MediaTypeUnsupported,
    NotAllowed,
    TokenAlreadyUsed,
    TokenRejected,
)
from krt.logs import Log
from krt.metrics import WebMetrics
from krt.web.answers import Answer, accepted, of_error
from krt.web.drift import Drift
from krt.web.limit import RateLimit
from krt.web.requests import Record
from krt.web.watch import ReportWatch

log = Log("web")

Headers = Iterable[tuple[bytes, bytes]]

# With the white space, quotes and empty parameters of RFC 9110, section 5.6.6.
_JSON = re.compile(rb'application/json(?:[\t ]*;(?:[\t ]*charset=(?:utf-8|"utf-8"))?)*', re.IGNORECASE)
_IDEMPOTENCY_KEY = re.compile(rb"[!-~]{1,128}")

DRY_RUN = "/event/dry-run"

# Of one call: what it is told, it may be told again.
_REFUSALS = (
    MediaTypeUnsupported,
    BodyRefused,
    EventInvalid,
    NotAllowed,
    TokenAlreadyUsed,
    IdempotencyKeyAlreadyUsed,
)


@dataclass(frozen=True, slots=True)
class Door:
    """What a call is judged by. `identify` raises TokenRejected and KeysUnavailable."""

    identify: Callable[[Headers], Identity]
    rules: tuple[Rule, ...]
    limit: RateLimit
    accept: Accept
    read_report: ReadReport
    watch: ReportWatch
    drift: Drift
    metrics: WebMetrics


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came, the record of it, and who calls if the gate saw that. h11 gives names in lower case."""

    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    record: Record
    known: Identity | None = None


async def post_event(door: Door, call: Call, read_body: Callable[[], Awaitable[bytes]]) -> Answer:
    """Journal the event that the call announces, or say why not. The body of a stranger is never read."""
    try:
        identity = call.record.identity = call.known or door.identify(call.headers)
        rules = rules_for(door.rules, identity)
        if not rules:
            raise TokenRejected(Rejection.NO_RULE)
        door.limit.charge(identity.repository_id, _token(identity))
        return await _announce(door, call, identity, rules, read_body)
    except KrtError as error:
        return of_error(error)


async def _announce(
    door: Door, call: Call, identity: Identity, rules: tuple[Rule, ...], read_body: Callable[[], Awaitable[bytes]]
) -> Answer:
    try:
        _check_plain_json(call.headers)
        key = _idempotency_key(call.headers)
        event = parse(await read_body())
        rule = check(rules, identity, event)
        done = await _accept(door, _envelope(call, identity, event), use_of(identity, call.path, event, key))
    except _REFUSALS:
        door.limit.refused(_token(identity))
        raise
    door.limit.accepted(identity.repository_id, _token(identity), again=done.again)
    door.metrics.event(again=done.again, receivers=done.receivers)
    door.drift.look(rule, identity)
    _say(call.record.request_id, rule, identity, event, done)
    return accepted(done.id)


def _envelope(call: Call, identity: Identity, event: Event) -> Envelope:
    return Envelope(event, Origin.of(identity), call.record.request_id, dry_run=call.path == DRY_RUN)


async def _accept(door: Door, envelope: Envelope, use: Use) -> Accepted:
    with trio.CancelScope(shield=True):  # a caller that hangs up now gets its event all the same; it has a deadline
        done = await door.accept(envelope, use)
    return done  # noqa: RET504 - mypy takes the scope for one that may swallow an error


def _say(request_id: str, rule: Rule, identity: Identity, event: Event, done: Accepted) -> None:
    log.info(
        "event_repeated" if done.again else "event_accepted",
        event_id=done.id,
        request_id=request_id,
        image=event.image,
        tags=event.tags,
        rule=rule.number,
        repository=identity.repository,
        run=identity.run_url,
        receivers=done.receivers,
    )


def _check_plain_json(headers: Headers) -> None:
    types = [value for name, value in headers if name == b"content-type"]
    encoded = any(name == b"content-encoding" for name, _ in headers)
    if len(types) != 1 or encoded or not _JSON.fullmatch(types[0]):
        raise MediaTypeUnsupported


def _idempotency_key(headers: Headers) -> str | None:
    keys = [value for name, value in headers if name == b"idempotency-key"]
    if not keys:
        return None
    if len(keys) > 1 or not _IDEMPOTENCY_KEY.fullmatch(keys[0]):  # passed over, a repetition would be a second event
        raise EventInvalid("Idempotency-Key", "write one key of 1 to 128 visible ASCII characters")
    return keys[0].decode()


def _token(identity: Identity) -> str:
    """Which token it is, for the limit: `jti` is the issuer's to choose, and may stand in another repository's, too."""
    return f"{identity.repository_id}/{identity.jti}"
