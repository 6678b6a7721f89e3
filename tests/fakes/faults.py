"""The faults of a proxy, and the rules by which requests get them."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from trio_util import AsyncValue

REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """This answer, without asking the server."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Late:
    """The request is passed on after a delay in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer, and the server is not asked."""


@dataclass(frozen=True, slots=True)
class Half:
    """Only the first bytes of the answer's body; then the connection ends, or, if `held`, nothing more comes."""

    body_bytes: int
    held: bool = False


Fault = Answer | Late | Silence | Half


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str  # path and query

    def __str__(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(slots=True)
class _Rule:
    pattern: re.Pattern[str]
    fault: Fault
    left: int | None


class Faults:
    """Rules for coming requests. `requests` holds every request so far, oldest first."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self._came = AsyncValue(0)
        self._rules: list[_Rule] = []

    def on(self, pattern: str, fault: Fault, *, times: int | None = None) -> None:
        """Add a rule for requests whose "METHOD target" the pattern finds. The first rule that matches counts."""
        self._rules.append(_Rule(re.compile(pattern), fault, times))

    def mend(self) -> None:
        """Remove all rules."""
        self._rules.clear()

    async def wait_request(self, pattern: str, count: int = 1) -> None:
        """Return once `count` requests, earlier ones included, have a "METHOD target" that the pattern finds."""
        await self._came.wait_value(lambda _: self._count(pattern) >= count)

    def take(self, request: Request) -> Fault | None:
        """Record the request. Returns its fault, or None."""
        self.requests.append(request)
        self._came.value += 1
        for rule in self._rules:
            if rule.left != 0 and rule.pattern.search(str(request)):
                rule.left = None if rule.left is None else rule.left - 1
                return rule.fault
        return None

    def _count(self, pattern: str) -> int:
        return sum(1 for each in self.requests if re.search(pattern, str(each)))
