"""What became of one workload of a report: its states, and everything that depends on which of them it is in. Pure.

A workload that matches goes from `waiting` to `progressing` to one of the three ends; a dry-run says one word and no
more. The other end, `skipped`, is the only one that another state may follow: the workload has come to match after all.

TABLE holds the rules, and nothing else does: the scripts by which Valkey keeps reports, what a report amounts to, what
is listed first, and the document that a job reads are all made from it. Which state a workload is in is decided where
that is known, in krt.worker.record (what was matched) and krt.core.progress (how its rollout goes on).

There is one thing that krt does to a workload, a restart, and one state that names it, `would_restart`. With a second
thing to do (apply an object, delete one), what is done becomes a field of Target beside `state`, and a dry-run has one
state for all of them. Until then that field would hold one value; and reports, jobs and the page know `would_restart`
by this name, so that they have to read it even then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

LAST = 2**53  # a version above every resource version: nothing that is still on its way takes a last word back


class TargetState(StrEnum):
    """What became of one workload."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"
    WOULD_RESTART = "would_restart"


_ANY = frozenset(TargetState)
_NONE: frozenset[TargetState] = frozenset()


@dataclass(frozen=True, slots=True)
class StateRule:
    """What is true of a workload in one state.

    `final`: nothing more is to be expected of it. `may_become`: which states may be written in its place.
    `is_rolling`: an event that is not finished and has such a workload is rolling. `is_success`: what was asked for is
    done. `is_folded`: if a report has more workloads than it lists, these are only counted.
    """

    may_become: frozenset[TargetState]
    final: bool = True
    is_rolling: bool = False
    is_success: bool = False
    is_folded: bool = False


# The most urgent first: what is wrong, what is still to come, what is done.
TABLE: Mapping[TargetState, StateRule] = {
    TargetState.FAILED: StateRule(_NONE),
    TargetState.PROGRESSING: StateRule(_ANY, final=False, is_rolling=True),
    TargetState.WAITING: StateRule(_ANY, final=False, is_rolling=True),
    TargetState.READY: StateRule(_NONE, is_rolling=True, is_success=True, is_folded=True),
    TargetState.WOULD_RESTART: StateRule(_NONE, is_success=True, is_folded=True),
    TargetState.SKIPPED: StateRule(frozenset({TargetState.WAITING}), is_folded=True),
}

URGENCY: Mapping[str, int] = {state: rank for rank, state in enumerate(TABLE)}  # the lower, the earlier it is listed
ROLLING = frozenset(state for state, rule in TABLE.items() if rule.is_rolling)
FINAL_TARGETS: frozenset[str] = frozenset(state for state, rule in TABLE.items() if rule.final)


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """One workload of a report. `version` orders what is said of one `uid`; a final state stays, whatever its version.

    `served_since`: where others have made the restart, or created the workload (C2), from when on that is followed.
    """

    state: TargetState
    reason: str = ""
    warnings: tuple[str, ...] = ()
    updated: int = 0
    available: int = 0
    desired: int = 0
    seconds: float = 0.0
    uid: str = ""
    version: int = 0
    served_since: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return TABLE[self.state].final

    def may_become(self, state: TargetState) -> bool:
        """Whether this state may be written in its place."""
        return state in TABLE[self.state].may_become
