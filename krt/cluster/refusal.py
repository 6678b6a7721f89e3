"""Translates an answer that is not a success into krt's error, by which callers wait, read again or give up."""

import re

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

_MOST_RETRY_AFTER_SECONDS = 300.0

# An admission's denial, told by its message: a webhook may answer with any code, a ValidatingAdmissionPolicy with 401,
# 403, 413 or 422, and the API server itself uses 401, 404, 409 and 410 for other things. Sources: k8s.io/apiserver,
# pkg/admission/plugin/webhook/errors/statuserror.go and pkg/admission/plugin/policy/validating/plugin.go.
_ADMISSION = re.compile(
    r'admission webhook ".*?" denied the request|[^"]*"[^"]*" is forbidden: \w*AdmissionPolicy .* denied', re.DOTALL
)
# A denial by RBAC or another authorizer. Source: k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go.
_AUTHORIZER = re.compile(r'(?:^| is forbidden: )User "[^"]*" cannot ')


def refusal(code: int, status: Status, retry_after: str | None = None, *, path: str = "/") -> ClusterError:
    """The error for an answer's status code, the Status in its body and its Retry-After header.

    `path` is the path of the server's URL, which the sentence names if it may be wrong. Rule R5 in docs/correctness.md
    says which error is final.
    """
    problem = _problem(code, status, path.rstrip("/"))
    if code < 500 and code != 429 and _ADMISSION.match(status.message):
        return ClusterRefused(problem)
    match code:
        case 401:
            return ClusterDenied(problem)
        case 403:
            return ClusterDenied(problem) if _not_permitted(status) else ClusterRefused(problem)
        case 404:
            return NotThere(problem)
        case 409:
            return Conflict(problem)
        case 410:
            return VersionExpired(problem)
        case 429:
            return ClusterUnavailable(problem, retry_after_seconds=_seconds(retry_after))
        case _ if code >= 500:
            return ClusterUnavailable(problem, retry_after_seconds=_seconds(retry_after))
        case _:
            return ClusterRefused(problem)


def _problem(code: int, status: Status, path: str) -> str:
    if not status.reason and not status.message:
        or_path = f", or the path {path} in the kubeconfig's server is wrong" if path else ""
        return f"{code}, with no word of an API server's: something else answers at its URL{or_path}"
    is_right = f" (is the path {path} in the kubeconfig's server right?)" if path and not status.reason else ""
    return f"{code} {status.reason or 'without a reason'}: {status.message or 'no message'}{is_right}"


def _not_permitted(status: Status) -> bool:
    # An admission plugin always gives a message. A 403 without a Status comes from a proxy.
    return not status.message or bool(_AUTHORIZER.search(status.message))


def _seconds(retry_after: str | None) -> float:
    if retry_after is None or not (retry_after.isascii() and retry_after.isdecimal()):
        return 0.0  # HTTP also allows a date, but no API server writes one
    return min(float(retry_after[:6]), _MOST_RETRY_AFTER_SECONDS)
