"""Errors that cross from one package to a sibling package. Each docstring says when the error is raised.

The errors carry data; `krt/web/answers.py` makes the answers of krt web from them. If only one package and the packages
above it meet an error, that package defines it. A bug is never a KrtError: it ends the process with its traceback.
"""


class KrtError(Exception):
    """The base of all errors below; never raised itself."""


class SettingsInvalid(KrtError):
    """The process cannot start as configured. `problems` holds every problem found, one sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class TokenRejected(KrtError):
    """The bearer token does not prove who is calling.

    `reason` is a code for log and metrics; no answer contains it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailable(KrtError):
    """krt has no usable key set of the issuer, so it can verify no token. A retry helps, unlike after TokenRejected."""


class MediaTypeUnsupported(KrtError):
    """A known caller announces a body that is not JSON, or that has a content encoding. The body was not read."""


class EventInvalid(KrtError):
    """The body of a known caller is not a valid event. `field` names the faulty part, `problem` says what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotAllowed(KrtError):
    """No rule lets this caller announce this image.

    Each rule is checked in the order of core.caller.policy.FIELDS, up to the first field that does not hold. `field` is
    the field at which the rule failed that came furthest.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class TokenAlreadyUsed(KrtError):
    """The token was already used for another event. A repeated call does not raise this: it gets the first answer."""


class IdempotencyKeyAlreadyUsed(KrtError):
    """The same run already used this Idempotency-Key for another path or another event."""


class BodyRefused(KrtError):
    """The body is too large (`status` 413) or too slow (408). krt reads no more of it.

    `reason` is a code for log and metrics.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class TooManyCalls(KrtError):
    """The caller's repository has used up its calls for now; other repositories may still call."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"again in {retry_after_seconds:.1f} s")
        self.retry_after_seconds = retry_after_seconds


class BrokerUnavailable(KrtError):
    """Valkey did not confirm a command in time, or at all. The command may have run all the same. A retry helps."""


class BrokerRefused(BrokerUnavailable):
    """Valkey answered with an error: credentials, permission, memory, not a primary. The command did nothing.

    If the command was a script, it stopped at the error; its earlier steps took effect.

    `code` is the first word of Valkey's answer: NOPERM, OOM, NOGROUP, BUSYGROUP, READONLY, ERR…
    """

    def __init__(self, problem: str, *, code: str = "ERR") -> None:
        super().__init__(problem)
        self.code = code


class JournalFull(BrokerUnavailable):
    """The journal has reached KRT_MAX_JOURNAL entries. Nothing was accepted."""


class ClusterError(KrtError):
    """A call of the API server has failed. The base of the errors below, down to VersionExpired.

    `retry_after_seconds` is the server's Retry-After; 0 if the server sent none.
    """

    def __init__(self, problem: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class ClusterUnavailable(ClusterError):
    """The call may succeed later. No answer came in time, it was 429 or 5xx, or krt could not read it.

    krt also raises this error if it has no credentials to call with.
    """


class ClusterDenied(ClusterError):
    """401, or a 403 by an authorizer. The denial may pass: a starting API server answers 403 to everybody at first."""


class ClusterRefused(ClusterError):
    """The API server refuses for good: 422, a denial by an admission plugin, or another 4xx. No retry helps.

    krt also raises this error for a request that it does not send, because no API server would accept it.
    """


class Conflict(ClusterError):
    """409: the object has changed since krt read its resource version, or a subclass names another conflict."""


class NotThere(ClusterError):
    """404: the object does not exist, or no longer exists; or its kind is not served."""


class VersionExpired(ClusterError):
    """The caller must list again: the resource version or the continue token is too old (410).

    krt also raises this error for a watch that is silent, and if the API server goes back to an older version.
    """


class BindFailed(KrtError):
    """krt cannot listen at `address`. `reason` says why: the address does not resolve, is in use, or is not allowed."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.address = address
        self.reason = reason


class OutputLost(KrtError):
    """Standard output or standard error took no more of a command's text. The error's text is the system's reason."""
