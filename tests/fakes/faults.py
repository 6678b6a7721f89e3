"""What a proxy can do wrong with a request, and to which ones."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from trio_util import AsyncValue

REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The server is not asked."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Late:
    """The server is asked so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """The server is not asked, and there is no answer."""


@dataclass(frozen=True, slots=True)
class Half:
    """So many bytes of the answer's body, and then the end of the connection, or (`held`) nothing more."""

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
    """Rules for coming requests; `requests` holds what came, with faults or without, oldest first."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self._came = AsyncValue(0)
        self._rules: list[_Rule] = []

    def on(self, pattern: str, fault: Fault, *, times: int | None = None) -> None:
        """For requests whose "METHOD target" the pattern finds; the first rule that fits counts."""
        self._rules.append(_Rule(re.compile(pattern), fault, times))

    def mend(self) -> None:
        """No faults any more for requests to come."""
        self._rules.clear()

    async def wait_request(self, pattern: str, count: int = 1) -> None:
        """Return when so many came whose "METHOD target" the pattern finds, the past ones included."""
        await self._came.wait_value(lambda _: self._count(pattern) >= count)

    def take(self, request: Request) -> Fault | None:
        """Remember that it came; what is to become of it."""
        self.requests.append(request)
        self._came.value += 1
        for rule in self._rules:
            if rule.left != 0 and rule.pattern.search(str(request)):
                rule.left = None if rule.left is None else rule.left - 1
                return rule.fault
        return None

    def _count(self, pattern: str) -> int:
        return sum(1 for each in self.requests if re.search(pattern, str(each)))
