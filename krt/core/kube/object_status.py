"""The status of an applied object, in the words of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus)."""

from dataclasses import dataclass
from enum import StrEnum

from krt.core.reason import readable


class ObjectState(StrEnum):
    """CURRENT: the cluster is as the object says, or krt has nothing to wait for. FAILED: it will not become so."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TERMINATING = "Terminating"


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """A state and its reason: one line without secrets, or ""."""

    state: ObjectState
    reason: str = ""


CURRENT = ObjectStatus(ObjectState.CURRENT)


def current(*reason: str) -> ObjectStatus:
    """The status of an object that needs no more waiting."""
    return ObjectStatus(ObjectState.CURRENT, readable(*reason))


def in_progress(*reason: str) -> ObjectStatus:
    """The status of an object that is worth waiting for."""
    return ObjectStatus(ObjectState.IN_PROGRESS, readable(*reason))


def failed(*reason: str) -> ObjectStatus:
    """The status of an object for which waiting is in vain."""
    return ObjectStatus(ObjectState.FAILED, readable(*reason))


def terminating(*reason: str) -> ObjectStatus:
    """The status of an object whose deletion has begun."""
    return ObjectStatus(ObjectState.TERMINATING, readable(*reason))
