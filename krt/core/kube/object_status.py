"""How an object that was applied is getting on, in the words of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus)."""

from dataclasses import dataclass
from enum import StrEnum

from krt.core.reason import readable


class ObjectState(StrEnum):
    """CURRENT: the cluster is as the object says, or nothing more is to be expected. FAILED: it will not get there."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TERMINATING = "Terminating"


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """A state, and why: one line that quotes no secret; "" where there is nothing to say."""

    state: ObjectState
    reason: str = ""


CURRENT = ObjectStatus(ObjectState.CURRENT)


def current(*reason: str) -> ObjectStatus:
    """Nothing more is to be expected."""
    return ObjectStatus(ObjectState.CURRENT, readable(*reason))


def in_progress(*reason: str) -> ObjectStatus:
    """It is waited for."""
    return ObjectStatus(ObjectState.IN_PROGRESS, readable(*reason))


def failed(*reason: str) -> ObjectStatus:
    """To wait for it is in vain."""
    return ObjectStatus(ObjectState.FAILED, readable(*reason))


def terminating(*reason: str) -> ObjectStatus:
    """Its deletion has begun."""
    return ObjectStatus(ObjectState.TERMINATING, readable(*reason))
