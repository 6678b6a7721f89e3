"""Every error that crosses from one package to a sibling. Each says when it occurs and carries data, no words for HTTP.

An error that only its own package meets, or one above, stands there. A bug is none of krt's errors: it ends the process
with its traceback.
"""


class KrtError(Exception):
    """The base of all of them; never raised itself."""


class SettingsInvalid(KrtError):
    """The process cannot start as configured. `problems` holds every one of them, a sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class TokenRejected(KrtError):
    """The bearer token does not prove who is calling. `reason` is a code for log and metrics, never an answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailable(KrtError):
    """No usable key set of the issuer is at hand: nothing can be verified. Not TokenRejected: a retry helps."""


class MediaTypeUnsupported(KrtError):
    """The body of a known caller is no plain JSON, by its own headers: it was not read."""


class EventInvalid(KrtError):
    """The body of a known caller is no event. `field` names the part at fault, `problem` says what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotAllowed(KrtError):
    """No rule lets this caller announce this image. `field` is the one of the rule that got furthest."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class TokenAlreadyUsed(KrtError):
    """The token was spent on another event. Not a retry: a retry gets its first answer again."""


class IdempotencyKeyAlreadyUsed(KrtError):
    """The Idempotency-Key stands for another call of the same run: another path or another event."""


class BodyRefused(KrtError):
    """The body is too large (`status` 413) or does not come (408), and no more of it will be read.

    `reason` is for log and metrics.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class TooManyCalls(KrtError):
    """The caller's repository has announced more than its share lately. Not BrokerUnavailable: others still may."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"again in {retry_after_seconds:.1f} s")
        self.retry_after_seconds = retry_after_seconds


class BrokerUnavailable(KrtError):
    """Valkey did not do what was asked, in time or at all. Whether it was done is unknown. A retry helps."""


class BrokerRefused(BrokerUnavailable):
    """Valkey answered with an error: credentials, permission, memory, not a primary. Nothing was done.

    Of a script nothing more was done than what came before the error.

    `code` is the first word of its answer: NOPERM, OOM, NOGROUP, BUSYGROUP, READONLY, ERR…
    """

    def __init__(self, problem: str, *, code: str = "ERR") -> None:
        super().__init__(problem)
        self.code = code


class JournalFull(BrokerUnavailable):
    """The journal holds as many entries as it may: nothing was accepted."""


class ClusterError(KrtError):
    """The API server did not do what was asked; the base of all that it may answer.

    `retry_after_seconds`: it said when to ask again; 0 if it did not.
    """

    def __init__(self, problem: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class ClusterUnavailable(ClusterError):
    """The API server could not be asked: connection, deadline, 429 or 5xx."""


class ClusterDenied(ClusterError):
    """401, or a 403 of an authorizer: a restarting API server answers it to everybody for a moment."""


class ClusterRefused(ClusterError):
    """The API server will not do it, however often it is asked: 422, an admission's denial, a malformed request."""


class Conflict(ClusterError):
    """409: the object is no longer at the resource version that was read."""


class NotThere(ClusterError):
    """404: the object is not there (any more)."""


class VersionExpired(ClusterError):
    """410: the resource version or the continue token is too old; list again."""


class BindFailed(KrtError):
    """A server cannot listen at `address`: it does not resolve, is taken or not allowed. `reason` says which."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.address = address
        self.reason = reason


class OutputLost(KrtError):
    """What a command printed was not taken. Its text is why."""
