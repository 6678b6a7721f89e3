"""The target: one object of a report, the states that it can be in, and all rules that depend on the state. Pure.

A matched workload goes from `waiting` through `progressing` to `ready`, `failed` or `skipped`. In a dry-run its only
state is `would_restart`. Only one final state can be followed by another: `skipped`, if the workload comes to match
after all.

The objects of a delivery have the same states. The action of krt on them is not a state (`action.py` has the actions),
so a dry-run has one state for all actions: `planned`. Events keep `would_restart`: a krt web that is older than the
worker does not know `planned`, and would take the event for one that never ends.

All rules about states are in TABLE. The scripts in Valkey, the conclusion about the event, the order of listing and
the document that a job reads are derived from it. For events, two modules choose the state: krt.worker.record when a
workload is matched, and krt.core.restart.progress while its rollout goes on. Deliveries choose it in krt.delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

LAST = 2**53  # a version above every resource version: no late report by an older version replaces such a target


class TargetState(StrEnum):
    """The state of one object of a report."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"
    WOULD_RESTART = "would_restart"  # the dry-run of an event
    PLANNED = "planned"  # the dry-run of a delivery


_ANY = frozenset(TargetState)
_NONE: frozenset[TargetState] = frozenset()


@dataclass(frozen=True, slots=True)
class StateRule:
    """The rules of one state.

    `final`: krt waits for no other state. `may_become`: the states that may replace this one. `is_rolling`: an
    unfinished event with a workload in this state is `rolling`. `is_success`: the action has succeeded (or, in a
    dry-run, would be taken). `is_folded`: if a report has too many workloads, those in this state are only counted.
    """

    may_become: frozenset[TargetState]
    final: bool = True
    is_rolling: bool = False
    is_success: bool = False
    is_folded: bool = False


# The rows are in order of urgency: failed states first, then unfinished ones, then those that ended well.
TABLE: Mapping[TargetState, StateRule] = {
    TargetState.FAILED: StateRule(_NONE),
    TargetState.PROGRESSING: StateRule(_ANY, final=False, is_rolling=True),
    TargetState.WAITING: StateRule(_ANY, final=False, is_rolling=True),
    TargetState.READY: StateRule(_NONE, is_rolling=True, is_success=True, is_folded=True),
    TargetState.WOULD_RESTART: StateRule(_NONE, is_success=True, is_folded=True),
    TargetState.PLANNED: StateRule(_NONE, is_success=True, is_folded=True),
    TargetState.SKIPPED: StateRule(frozenset({TargetState.WAITING}), is_folded=True),
}

URGENCY: Mapping[str, int] = {state: rank for rank, state in enumerate(TABLE)}  # the lowest number is listed first
ROLLING = frozenset(state for state, rule in TABLE.items() if rule.is_rolling)
SUCCESS = frozenset(state for state, rule in TABLE.items() if rule.is_success)
FINAL_TARGETS: frozenset[str] = frozenset(state for state, rule in TABLE.items() if rule.final)


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of a report. `updated`, `available` and `desired` are numbers of pods.

    `seconds` is the time since the action. `digest` is that of the delivered bundle, "" for workloads. `version` is the
    object's resource version: of two targets with the same `uid`, the one with the higher version is newer. A final
    state stays, whatever its version. If others have restarted or created the workload (docs/correctness.md, C2), krt
    has followed that rollout since `served_since`, an RFC 3339 time; otherwise `served_since` is "".
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
    digest: str = ""

    @property
    def final(self) -> bool:
        """Whether the state is final."""
        return TABLE[self.state].final

    def may_become(self, state: TargetState) -> bool:
        """Whether `state` may replace this target's state."""
        return state in TABLE[self.state].may_become
