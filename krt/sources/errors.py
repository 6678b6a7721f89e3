"""The errors of a source. The text of each is a sentence for people, without secrets."""

from krt.errors import KrtError


class SourceRefused(KrtError):
    """The source has no such bundle, or one that krt does not take. No retry helps."""


class SourceUntrusted(SourceRefused):
    """No authority that krt trusts has signed the server's certificate."""


class SourceDenied(KrtError):
    """The source does not let these credentials do this: 401 or 403."""


class SourceUnavailable(KrtError):
    """The source did not answer in time, or not yet. A retry may help.

    `retry_after_seconds` is the source's Retry-After; 0 if it sent none.
    """

    def __init__(self, problem: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds
