"""The state of the attempts to restart one workload for one intent, which stands for an event."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from krt.core.kube.workload import Workload
from krt.core.restart.intent import Intent

_DENIED_SECONDS = 60.0  # an API server that starts answers 403 to everybody at first


@dataclass(slots=True)
class Case:
    """`workload` is the object as it was read last; `scope` cancels the attempts at their deadline."""

    workload: Workload
    intent: Intent
    accepted_at: float  # on Trio's clock
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    has_turn: bool = False  # whether Pace gave a turn; a conflict does not use the turn up
    waited_out: str | None = None  # for `decide`: the `restarted_at` after which the interval was waited out
    denied_since: float | None = None  # on Trio's clock: the first denial since the start, or since an outage

    def denial_may_pass(self) -> bool:
        """Note a denial. Returns whether it may pass: a starting API server denies everything, but not for a minute."""
        self.denied_since = self.denied_since or trio.current_time()
        return trio.current_time() - self.denied_since < _DENIED_SECONDS

    @contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """Suspend the deadline during the block, which waits for other workloads, and extend it by that time."""
        left_seconds = self.scope.deadline - trio.current_time()
        self.scope.deadline = math.inf
        try:
            yield
        finally:
            self.scope.deadline = trio.current_time() + left_seconds
