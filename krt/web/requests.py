"""Records each request: one log line and one count in the metrics, however the request ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from krt.core.caller.identity import Identity
from krt.core.envelope import Origin
from krt.logs import Log
from krt.metrics import WebMetrics
from krt.serving.asgi import HTTPScope
from krt.serving.denial import Denial, DeniedAnswer
from krt.web.answers import WebAnswer
from krt.web.denials import DenialLog
from krt.web.routes import Route

log = Log("web")


@dataclass(slots=True)
class Record:
    """The facts about one request so far.

    `identity` is None until it is verified. If a request is never answered, because its peer left or the process
    stopped, `reason` stays `cut` and `status` 0.
    """

    request_id: str
    method: str
    route: Route
    peer: str
    status: int = 0
    reason: str = "cut"
    field: str | None = None
    problem: str | None = None
    identity: Identity | None = None

    def ends_with(self, answer: WebAnswer) -> WebAnswer:
        """Note the answer, and return it."""
        self.status, self.reason = answer.status, answer.reason
        self.field, self.problem = answer.field, answer.problem
        return answer


class RequestLog:
    """Writes the records of one listener to log and metrics."""

    def __init__(self, metrics: WebMetrics, denials: DenialLog) -> None:
        self._metrics = metrics
        self._denials = denials

    @contextmanager
    def record(self, scope: HTTPScope, route: Route) -> Iterator[Record]:
        """Yield the request's record, and write it when the block ends. An exception is recorded as a crash and raised.

        If krt.serving has answered in place of the app, its answer is recorded.
        """
        state = scope["state"]
        record = Record(state["request_id"], scope["method"], route, state["peer"])
        began = perf_counter()
        try:
            yield record
        except Exception:
            record.status, record.reason = 500, "crashed"
            raise
        finally:
            refusal: DeniedAnswer = state["refusal"]
            if refusal.status:
                record.status, record.reason = refusal.status, refusal.reason
            self.ended(record, perf_counter() - began)

    def denied(self, reason: Denial, peer: str, request_id: str) -> None:
        """Record that krt.serving refused a connection or a request. `request_id` is empty if nothing was answered."""
        self._metrics.denied(reason)
        answered = {"request_id": request_id} if request_id else {}
        self._denials.say("connection_denied", reason, peer=peer, **answered)

    def ended(self, record: Record, seconds: float) -> None:
        """Write the record of a request that was answered or cut after `seconds`."""
        self._metrics.request_ended(
            path=record.route.label, status=record.status, reason=record.reason, seconds=seconds
        )
        fields = _fields(record, seconds)
        if record.route.is_quiet and record.status == 200:
            log.debug("request_ended", reason=record.reason, **fields)
        elif record.identity is None or record.status in {401, 404}:
            self._denials.say("request_ended", record.reason, **fields)
        elif record.status >= 500:
            log.warning("request_ended", reason=record.reason, **fields)
        else:
            log.info("request_ended", reason=record.reason, **fields)


def _fields(record: Record, seconds: float) -> dict[str, object]:
    fields = {
        "method": record.method,
        "path": record.route.label,
        "status": record.status,
        "field": record.field,
        "problem": record.problem,
        "peer": record.peer,
        "milliseconds": round(seconds * 1000, 1),
        "request_id": record.request_id,
    }
    found = {name: value for name, value in fields.items() if value is not None}
    return found | (_verified(record.identity) if record.identity else {})


def _verified(identity: Identity) -> dict[str, object]:
    # Only claims that the issuer signed are logged about a caller.
    return {
        **Origin.of(identity).named(),
        "repository_id": identity.repository_id,
        "owner_id": identity.repository_owner_id,
        "run_id": identity.run_id,
        "run_attempt": identity.run_attempt,
        "jti": identity.jti,
    }
