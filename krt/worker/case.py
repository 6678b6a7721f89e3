"""One workload to be settled for one intent, while it is tried: what was read last, and how long there is."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from krt.core.kube.workload import Workload
from krt.core.restart.intent import Intent

_DENIED_SECONDS = 60.0  # a restarting API server answers 403 to everybody first


@dataclass(slots=True)
class Case:
    """`workload` as read last; `scope` ends the trying."""

    workload: Workload
    intent: Intent
    accepted_at: float  # on Trio's clock
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    has_turn: bool = False
    waited_out: str | None = None
    denied_since: float | None = None

    def denial_may_pass(self) -> bool:
        """Whether the denials since the last answer may come from an API server that is still starting."""
        self.denied_since = self.denied_since or trio.current_time()
        return trio.current_time() - self.denied_since < _DENIED_SECONDS

    @contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """The time inside does not count against the workload: its deadline moves on."""
        left_seconds = self.scope.deadline - trio.current_time()
        self.scope.deadline = math.inf
        try:
            yield
        finally:
            self.scope.deadline = trio.current_time() + left_seconds
