"""Injects faults: refusals, delays, answers that break off, and watches that fall silent."""

from dataclasses import dataclass

from krt.dev.asgi import StandInAnswer
from krt.dev.cluster import status
from krt.dev.cluster.call import ApiCall
from krt.dev.cluster.status import ApiRefusal

POLICY_DENIES = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: on purpose"
KRT_WORKER = "system:serviceaccount:krt:krt-worker"
REASONS = {
    410: ("Expired", "The resourceVersion for the provided watch is too old."),
    500: ("InternalError", "Internal error occurred: on purpose"),
    503: ("ServiceUnavailable", "apiserver not ready"),
    504: ("Timeout", "request did not complete within the allotted timeout"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault for the calls that match verb, resource, namespace and name. None matches any; namespace "" is a
    cluster-wide call.

    `delay_seconds` pass before the call is executed. With a `status` the call is not executed; `message` replaces the
    real server's text, except for 401 and 429. A 403 with a `message` comes from an admission plugin, not from RBAC.
    With `broken` the call is executed, and the connection breaks in the middle of the answer.
    """

    status: int | None = None
    message: str = ""
    retry_after_seconds: int | None = None
    delay_seconds: float = 0
    broken: bool = False
    verb: str | None = None
    resource: str | None = None
    namespace: str | None = None
    name: str | None = None

    def befalls(self, call: ApiCall) -> bool:
        """Whether this fault is for the call."""
        wanted = (self.verb, self.resource, self.namespace, self.name)
        given = (call.verb, call.kind.resource, call.namespace, call.name)
        return all(want in (None, have) for want, have in zip(wanted, given, strict=True))

    def answer(self, call: ApiCall) -> StandInAnswer | None:
        """The real server's answer with this `status`, or None if the call is to be executed."""
        if self.status is None:
            return None
        pause = {} if self.retry_after_seconds is None else {"retry-after": str(self.retry_after_seconds)}
        if self.status == 429:  # API priority and fairness answers in plain text
            text = b"Too many requests, please try again later.\n"
            return status.answered(429, text, "text/plain; charset=utf-8", pause)
        refusal = self._refusal(call, self.status)
        refusal.headers |= pause
        return refusal.answer()

    def _refusal(self, call: ApiCall, code: int) -> ApiRefusal:
        match code:
            case 401:
                return status.unauthorized()
            case 403 if not self.message:
                return denied(call, KRT_WORKER)
            case 403 | 422:
                message = f"{status.subject(call.kind, call.name)} is forbidden: {POLICY_DENIES}"
                return status.not_admitted(code, call.kind, call.name, self.message or message)
            case _:
                reason, message = REASONS.get(code, ("", "on purpose"))
                return ApiRefusal(code, reason, self.message or message)


class Faults:
    """The active faults.

    `silent_watches`: open watches send nothing more, not even at their timeout. A watch that has fallen silent stays
    silent until `end_watches`, even if the flag is reset.
    `cut_watches`: each watch breaks in the middle of the next object that it sends.
    """

    def __init__(self) -> None:
        self.silent_watches = False
        self.cut_watches = False
        self._pending: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault, *, times: int | None = 1) -> None:
        """Apply the fault to the next `times` matching calls; None: until `clear`. The oldest matching fault wins."""
        self._pending.append((fault, times))

    def clear(self) -> None:
        """Remove all faults."""
        self.silent_watches = self.cut_watches = False
        self._pending.clear()

    def take(self, call: ApiCall) -> Fault:
        """The fault for this call, or a Fault without effect. Each call takes one from the `times` of its fault."""
        for index, (fault, times) in enumerate(self._pending):
            if fault.befalls(call):
                if times is not None:
                    self._pending[index : index + 1] = [(fault, times - 1)] if times > 1 else []
                return fault
        return Fault()


def denied(call: ApiCall, user: str) -> ApiRefusal:
    """A 403 in RBAC's words."""
    scope = f'in the namespace "{call.namespace}"' if call.namespace else "at the cluster scope"
    rule = f'cannot {call.verb} resource "{call.kind.resource}" in API group "{call.kind.group}" {scope}'
    message = f'{status.subject(call.kind, call.name)} is forbidden: User "{user}" {rule}'
    return status.forbidden(call.kind, call.name, message)
