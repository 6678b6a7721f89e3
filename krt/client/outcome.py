"""The possible outcomes of one attempt, of the whole call, and of the wait for its rollout."""

from dataclasses import dataclass

from krt.client.claims import Claims
from krt.client.report import ReceivedReport


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer was 202: krt web has journaled the event. The Go peer gives no id: then both fields are None."""

    event_id: str | None
    status_url: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal that a retry would not change.

    Only a 401 sets `claims`, the claims of the refused token, and `date`, the answer's Date header.
    """

    sentence: str
    status: int | None = None
    field: str | None = None
    claims: Claims | None = None
    date: str = ""


@dataclass(frozen=True, slots=True)
class NotYet:
    """An attempt without a final answer; a retry may get one.

    `not_taken`: the answer shows that the event is not journaled. If this is the last attempt, `causes` is appended to
    the sentence `problem`.
    """

    problem: str
    wait_seconds: float = 0
    not_taken: bool = False
    causes: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No final answer within `seconds`. `problem` is that of the last attempt."""

    problem: str
    seconds: float
    perhaps_accepted: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """The event is finished, or it is finished everywhere except in clusters without workers."""

    report: ReceivedReport


@dataclass(frozen=True, slots=True)
class Lost:
    """The event was accepted, but its report cannot be read."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The event was not finished within `seconds`. `problem` is the reason why `report` is not newer; often empty."""

    seconds: float
    report: ReceivedReport | None
    problem: str
