"""Handles one call of `POST /event` or `POST /event/dry-run`. Cheap checks come before expensive ones."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from krt.core.announce.event import Event, parse
from krt.core.caller.identity import Identity
from krt.core.caller.policy import Rule, check
from krt.core.caller.use import Use, use_of
from krt.core.envelope import Envelope, Origin
from krt.core.ports.announcements import Accept, Acceptance
from krt.errors import (
    BodyRefused,
    EventInvalid,
    IdempotencyKeyAlreadyUsed,
    KrtError,
    MediaTypeUnsupported,
    NotAllowed,
    TokenAlreadyUsed,
)
from krt.logs import Log
from krt.metrics import WebMetrics
from krt.serving.asgi import RawHeaders
from krt.web.answers import WebAnswer, accepted, of_error
from krt.web.drift import Drift
from krt.web.gate import Caller
from krt.web.limit import RateLimit
from krt.web.routes import Route

log = Log("web")

# This allows the white space, quotes and empty parameters of RFC 9110, section 5.6.6.
_JSON = re.compile(rb'application/json(?:[\t ]*;(?:[\t ]*charset=(?:utf-8|"utf-8"))?)*', re.IGNORECASE)
_IDEMPOTENCY_KEY = re.compile(rb"[!-~]{1,128}")

# Errors that the call itself caused. This call announced nothing with the token, so its next call is charged again.
_REFUSALS = (
    MediaTypeUnsupported,
    BodyRefused,
    EventInvalid,
    NotAllowed,
    TokenAlreadyUsed,
    IdempotencyKeyAlreadyUsed,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, before its body was read, and its caller. Header names are in lower case, as h11 gives them."""

    route: Route
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    caller: Caller
    request_id: str


@dataclass(frozen=True, slots=True)
class Intake:
    """The parts that an announcement needs: rate limit, journal, policy drift and metrics."""

    limit: RateLimit
    accept: Accept
    drift: Drift
    metrics: WebMetrics


async def post_event(intake: Intake, call: Call, read_body: Callable[[], Awaitable[bytes]]) -> WebAnswer:
    """Journal the event in the body. Returns the answer: 202, or a refusal with its reason.

    `read_body` is called only if the rate limit admits the call.
    """
    identity = call.caller.identity
    try:
        intake.limit.charge(identity.repository_id, _token(identity))
        return await _announce(intake, call, read_body)
    except KrtError as error:
        return of_error(error)


async def _announce(intake: Intake, call: Call, read_body: Callable[[], Awaitable[bytes]]) -> WebAnswer:
    identity = call.caller.identity
    try:
        _check_plain_json(call.headers)
        key = _idempotency_key(call.headers)
        event = parse(await read_body())
        rule = check(call.caller.rules, identity, event)
        use = use_of(identity, call.route.target, event, key)
        envelope = _envelope(call, event)
        done = await _accept(intake, envelope, use)
    except _REFUSALS:
        intake.limit.refused(_token(identity))
        raise
    intake.limit.accepted(identity.repository_id, _token(identity), again=done.again)
    intake.metrics.event(again=done.again, receivers=done.receivers)
    intake.drift.look(rule, identity)
    _say(envelope, rule, done)
    return accepted(done.id)


def _envelope(call: Call, event: Event) -> Envelope:
    dry_run = call.route is Route.DRY_RUN
    return Envelope(event, Origin.of(call.caller.identity), call.request_id, dry_run=dry_run)


async def _accept(intake: Intake, envelope: Envelope, use: Use) -> Acceptance:
    with trio.CancelScope(shield=True):  # even if the caller hangs up now, the event is accepted; `accept` ends in time
        done = await intake.accept(envelope, use)
    return done  # noqa: RET504 - mypy takes the scope for one that may swallow an error


def _say(envelope: Envelope, rule: Rule, done: Acceptance) -> None:
    event, origin = envelope.event, envelope.origin
    log.info(
        "event_repeated" if done.again else "event_accepted",
        event_id=done.id,
        request_id=envelope.request_id,
        image=event.image,
        tags=event.tags,
        rule=rule.number,
        **(origin.named() if origin else {}),
        receivers=done.receivers,
    )


def _check_plain_json(headers: RawHeaders) -> None:
    types = [value for name, value in headers if name == b"content-type"]
    encoded = any(name == b"content-encoding" for name, _ in headers)
    if len(types) != 1 or encoded or not _JSON.fullmatch(types[0]):
        raise MediaTypeUnsupported


def _idempotency_key(headers: RawHeaders) -> str | None:
    keys = [value for name, value in headers if name == b"idempotency-key"]
    if not keys:
        return None
    if len(keys) > 1 or not _IDEMPOTENCY_KEY.fullmatch(keys[0]):  # without the key, a retry would be a second event
        raise EventInvalid("Idempotency-Key", "write one key of 1 to 128 visible ASCII characters")
    return keys[0].decode()


def _token(identity: Identity) -> str:
    """The token's key in the rate limit. An issuer might give two repositories the same `jti`."""
    return f"{identity.repository_id}/{identity.jti}"
