"""The answers of the public listener. Errors become answers here and nowhere else.

No answer holds anything of the policy, the keys or a token. An unknown caller always gets the same 401. If a known
caller made a mistake, the answer names the faulty field, as application/problem+json (RFC 9457).
"""

import dataclasses
import json
import math
from dataclasses import dataclass

from krt.core.announce.event_id import EventId
from krt.core.caller.policy import FIELDS
from krt.errors import (
    BodyRefused,
    BrokerUnavailable,
    EventInvalid,
    IdempotencyKeyAlreadyUsed,
    KeysUnavailable,
    KrtError,
    MediaTypeUnsupported,
    NotAllowed,
    TokenAlreadyUsed,
    TokenRejected,
    TooManyCalls,
)

_RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """Status, headers and body. `reason` (a code), `field` and `problem` are for log and metrics."""

    status: int
    reason: str
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    field: str | None = None
    problem: str | None = None

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers in ASGI's form: pairs of bytes, names in lower case."""
        return tuple((name.lower().encode(), value.encode()) for name, value in self.headers.items())


def accepted(event: EventId) -> WebAnswer:
    """202: the event is in the journal. The body is `{"id": …, "status": "/events/ID"}`."""
    where = f"/events/{event}"
    body = json.dumps({"id": str(event), "status": where}, separators=(",", ":")).encode()
    return WebAnswer(202, "accepted", {"Location": where, "Content-Type": "application/json"}, body)


def report(document: bytes, tag: str) -> WebAnswer:
    """200: the report of an event, as JSON."""
    return WebAnswer(200, "report", {"Content-Type": "application/json", "ETag": tag}, document)


def same_report(tag: str) -> WebAnswer:
    """304: the report is the one that the caller has."""
    return WebAnswer(304, "report", {"ETag": tag})


def no_such_event() -> WebAnswer:
    """404: no such event, or another repository's event. The answer is the same, so nobody can probe for ids."""
    return WebAnswer(404, "no-such-event")


def healthy() -> WebAnswer:
    """200: the process is alive."""
    return WebAnswer(200, "ok", {"Content-Type": "text/plain; charset=utf-8"}, b"ok")


def unauthorized(reason: str) -> WebAnswer:
    """401: the one answer to every unknown caller. `reason` goes to log and metrics only."""
    return WebAnswer(401, reason, {"WWW-Authenticate": "Bearer"})


def not_found() -> WebAnswer:
    """404: there is no route with this path and method."""
    return WebAnswer(404, "not-found")


def of_error(error: KrtError) -> WebAnswer:
    """The answer for an error. Raises `error` itself if it is not one that a caller may see."""
    match error:
        case TokenRejected(reason=reason):
            return unauthorized(reason)
        case KeysUnavailable():
            return _unavailable("keys-unavailable")
        case MediaTypeUnsupported():
            return _problem(415, "media-type", "the body must be application/json, unencoded", "Content-Type")
        case BodyRefused(status=status, reason=reason):
            return _problem(status, reason, _BODY_REFUSED[status], "body")
        case EventInvalid(field=field, problem=problem):
            return _problem(400, "invalid-event", f"{field}: {problem}", field)
        case NotAllowed(field=field):
            return _problem(403, "not-allowed", _NOT_ALLOWED[field], field)
        case TokenAlreadyUsed() | IdempotencyKeyAlreadyUsed():
            return _used_before(error)
        case TooManyCalls(retry_after_seconds=seconds):
            return _too_many_calls(math.ceil(seconds))
        case BrokerUnavailable():
            return dataclasses.replace(_unavailable("broker-unavailable"), problem=str(error))
        case _:
            raise error


_BODY_REFUSED = {408: "the body did not come in time", 413: "the body is larger than 8 KiB"}

# The key is the field at which the rule that got furthest failed. Each sentence says to the job's author which property
# of the job is refused, and nothing of the values that the rule requires.
_NOT_ALLOWED = {
    "events": "the event that started this workflow may not announce images",
    "ref": "this branch or tag may not announce images",
    "environment": "a job of this environment, or of none, may not announce images",
    "workflow": "this workflow file, or this version of it, may not announce images",
    "runner": "a job on this kind of runner may not announce images",
    "protected": "only protected branches and tags may announce images",
    "images": "this repository may not announce this image",
    "tags": "this repository may not announce these tags",
}
assert tuple(_NOT_ALLOWED) == FIELDS


def _used_before(error: TokenAlreadyUsed | IdempotencyKeyAlreadyUsed) -> WebAnswer:
    if isinstance(error, TokenAlreadyUsed):
        return _problem(403, "token-already-used", "this token announced another event: request a new one per call")
    # 422 comes from draft-ietf-httpapi-idempotency-key-header, section 2.7. The draft's 409, for a first call that has
    # not ended, cannot occur: accepting is one step in Valkey, so a second call finds the event of the first.
    detail = "this run used this key for another event or path: a key is for the repetitions of one call"
    return _problem(422, "idempotency-key-already-used", detail, "Idempotency-Key")


def _too_many_calls(seconds: int) -> WebAnswer:
    detail = f"this repository has announced too many images within a minute; again in {seconds} s"
    answer = _problem(429, "too-many-calls", detail)
    return dataclasses.replace(answer, headers={**answer.headers, "Retry-After": str(seconds)})


def _unavailable(reason: str) -> WebAnswer:
    return WebAnswer(503, reason, {"Retry-After": str(_RETRY_AFTER_SECONDS)})


def _problem(status: int, reason: str, detail: str, at: str | None = None) -> WebAnswer:
    problem = {
        "type": f"urn:krt:problem:{reason}",
        "title": reason.replace("-", " "),
        "status": status,
        "detail": detail,
    }
    body = json.dumps(problem | ({"field": at} if at else {})).encode()
    return WebAnswer(status, reason, {"Content-Type": "application/problem+json"}, body, at)
