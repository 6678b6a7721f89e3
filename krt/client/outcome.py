"""How an attempt, the whole call and the wait for its rollout can end."""

from dataclasses import dataclass

from krt.client.claims import Claims
from krt.client.report import ReceivedReport


@dataclass(frozen=True, slots=True)
class Accepted:
    """krt web answered 202: the event is journaled. The Go peer answers 202 without an id."""

    event_id: str | None
    status_url: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """No repetition would change the answer.

    After a 401 only: `claims` are the refused token's own, `date` is the answer's Date header.
    """

    sentence: str
    status: int | None = None
    field: str | None = None
    claims: Claims | None = None
    date: str = ""


@dataclass(frozen=True, slots=True)
class NotYet:
    """This attempt decided nothing, another may. `not_taken`: the answer says that the event is not journaled.

    `causes` go on with the sentence where it is the last one.
    """

    problem: str
    wait_seconds: float = 0
    not_taken: bool = False
    causes: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The time ended without a 202. `problem` is the last attempt's."""

    problem: str
    seconds: float
    perhaps_accepted: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """The event came to its end, or as far as it can without the clusters that are silent."""

    report: ReceivedReport


@dataclass(frozen=True, slots=True)
class Lost:
    """The event was accepted, but nothing more can be learned of it."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The time ended first. `report` is the last one seen, `problem` what stood in the way of a newer one."""

    seconds: float
    report: ReceivedReport | None
    problem: str
