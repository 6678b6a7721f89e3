"""What an answer other than 200 means to krt: wait, look again, or give up."""

from krt.cluster.wire import Status
from krt.errors import (
    ClusterDenied,
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    Gone,
    KrtError,
    VersionExpired,
)

_MOST_RETRY_AFTER_SECONDS = 300.0


def refusal(code: int, status: Status, retry_after: str | None = None) -> KrtError:
    """The error that a status code, the API server's account of it and its Retry-After header amount to."""
    problem = f"{code} {status.reason or 'without a reason'}: {status.message or 'no message'}"
    match code:
        case 401:
            return ClusterDenied(problem)
        case 403:
            return ClusterDenied(problem) if _not_permitted(status) else ClusterRefused(problem)
        case 404:
            return Gone(problem)
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


def _not_permitted(status: Status) -> bool:
    # RBAC says `User "…" cannot patch resource "…"`; an admission plugin, webhook or policy says what it denies.
    # A 403 without a Status is some proxy's.
    return not status.message or " cannot " in status.message


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not (retry_after.isascii() and retry_after.isdecimal()):
        return None  # a date is allowed too, but no API server writes one
    return min(float(retry_after[:6]), _MOST_RETRY_AFTER_SECONDS)
