"""How an event ended in one cluster: a field of its report, written when it is acknowledged."""

import json
from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """What a cluster has to say of an event."""

    MATCHED = "matched"  # its workloads are known, and are being restarted
    RESTARTED = "restarted"
    NO_MATCH = "no_match"
    FAILED = "failed"
    EXPIRED = "expired"


_WORST_FIRST = ("failed", "expired", "restarted", "covered", "superseded")
_STATES = {"failed": State.FAILED, "expired": State.EXPIRED}


def field(cluster: str) -> str:
    """The report's field for one cluster."""
    return f"cluster/{cluster}"


def matched(cluster: str) -> dict[str, str]:
    """Written before the first restart: the event was young enough, whoever goes on with it."""
    return {field(cluster): json.dumps({"state": State.MATCHED})}


def is_open(said: str | None) -> bool:
    """Whether the field says that the event was taken on, and not yet how it ended."""
    return said is not None and json.loads(said)["state"] == State.MATCHED


def settled(cluster: str, state: State, counts: Mapping[str, int], reason: str = "") -> dict[str, str]:
    """Written with the acknowledgement. `counts` are the workloads by outcome."""
    said = {"state": state, **({"workloads": dict(counts)} if counts else {}), **({"reason": reason} if reason else {})}
    return {field(cluster): json.dumps(said)}


def state_of(counts: Mapping[str, int]) -> State:
    """What the outcomes of all its workloads amount to: the worst of them."""
    worst = next((name for name in _WORST_FIRST if counts.get(name)), None)
    return State.NO_MATCH if worst is None else _STATES.get(worst, State.RESTARTED)
