"""Translates an answer that is not a success into krt's error, by which callers wait, read again or give up."""

import re

from krt.cluster.object_errors import (
    AlreadyThere,
    FieldConflict,
    InvalidField,
    NotServed,
    ObjectInvalid,
    OwnedField,
    PreconditionFailed,
    TooManyRequests,
)
from krt.cluster.wire import Status
from krt.errors import (
    ClusterDenied,
    ClusterError,
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    NotThere,
    VersionExpired,
)

_MOST_RETRY_AFTER_SECONDS = 300

# An admission's denial. Only its message shows it: a webhook may answer with any code, a ValidatingAdmissionPolicy with
# 401, 403, 413 or 422, and the API server itself uses 401, 404, 409 and 410 for other things. Sources:
# k8s.io/apiserver, pkg/admission/plugin: webhook/errors/statuserror.go and policy/validating/plugin.go.
_ADMISSION = re.compile(
    r'admission webhook ".*?" denied the request|[^"]*"[^"]*" is forbidden: \w*AdmissionPolicy .* denied', re.DOTALL
)
# A denial by RBAC or another authorizer. Source: k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go.
_AUTHORIZER = re.compile(r'(?:^| is forbidden: )User "[^"]*" cannot ')

# How the refusal of a server-side apply begins if a field is unknown or has the wrong type, and if a value is not
# base64. The API server answers 500 without a reason, but a retry cannot help: the object is invalid.
_NO_SCHEMA = ("failed to create typed patch object ", "failed to convert new object ")
# The owner of a field, quoted as Go quotes. Source of these sentences: k8s.io/apimachinery, pkg/util/managedfields.
_OWNER = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')


def refusal(code: int, status: Status, retry_after: str | None = None, *, path: str = "/") -> ClusterError:
    """The error for an answer's status code, the Status in its body and its Retry-After header.

    `path` is the path of the server's URL: the sentence names the path if it may be wrong. Rule R5 in
    docs/correctness.md says which error is final.
    """
    problem = _problem(code, status, path.rstrip("/"))
    if by_words := _by_words(code, status.message, problem):
        return by_words
    match code:
        case 401:
            return ClusterDenied(problem)
        case 403:
            return ClusterDenied(problem) if _not_permitted(status) else ClusterRefused(problem)
        case 404:
            return NotServed(problem) if _is_of_no_object(status) else NotThere(problem)
        case 409:
            return _conflict(problem, status)
        case 410:
            return VersionExpired(problem)
        case 422:
            return ObjectInvalid(problem, tuple(InvalidField(each.field, each.message) for each in status.causes))
        case 429:
            return TooManyRequests(problem, retry_after_seconds=_pause(retry_after, status))
        case _ if code >= 500:
            return ClusterUnavailable(problem, retry_after_seconds=_pause(retry_after, status))
        case _:
            return ClusterRefused(problem)


def _by_words(code: int, message: str, problem: str) -> ClusterError | None:
    """The error for a refusal whose message says more than its code; None for any other."""
    if code < 500 and code != 429 and _ADMISSION.match(message):
        return ClusterRefused(problem)
    return ObjectInvalid(problem, ()) if code == 500 and message.startswith(_NO_SCHEMA) else None


def _problem(code: int, status: Status, path: str) -> str:
    if not status.reason and not status.message:
        or_path = f", or the path {path} in the kubeconfig's server is wrong" if path else ""
        return f"{code} without an API server's Status object: something else answers at its URL{or_path}"
    is_right = f" (is the path {path} in the kubeconfig's server right?)" if path and not status.reason else ""
    return f"{code} {status.reason or 'without a reason'}: {status.message or 'no message'}{is_right}"


def _not_permitted(status: Status) -> bool:
    # An admission plugin always gives a message. A 403 without a Status comes from a proxy.
    return not status.message or bool(_AUTHORIZER.search(status.message))


def _is_of_no_object(status: Status) -> bool:
    # The answer for a missing group has no Status at all (seen on Kubernetes 1.36).
    return not (status.details and status.details.name)


def _conflict(problem: str, status: Status) -> Conflict:
    owned = [each for each in status.causes if each.reason == "FieldManagerConflict"]
    if owned:
        return FieldConflict(problem, tuple(OwnedField(_owner(each.message), each.field) for each in owned))
    if status.reason == "AlreadyExists":
        return AlreadyThere(problem)
    # k8s.io/apiserver checks preconditions in the registry and in the storage below, each with a sentence of its own.
    return PreconditionFailed(problem) if "precondition" in status.message.lower() else Conflict(problem)


def _owner(message: str) -> str:
    found = _OWNER.match(message)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else "another manager"


def _pause(retry_after: str | None, status: Status) -> float:
    """The seconds to wait, by the header Retry-After. Without the header the Status counts: a watch sends no header."""
    if retry_after is None:
        seconds = status.details.retry_after_seconds if status.details else 0
    elif retry_after.isascii() and retry_after.isdecimal():
        seconds = int(retry_after[:6])
    else:
        seconds = 0  # HTTP also allows a date, but no API server writes one
    return float(max(0, min(seconds, _MOST_RETRY_AFTER_SECONDS)))
