"""How the journal's business with one workload and one event ended.

`label` is the outcome's name in the log and in `krt_restarts_total`: dashboards rest on it.
"""

from dataclasses import dataclass
from typing import ClassVar

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload


@dataclass(frozen=True, slots=True)
class Restarted:
    """The workload was patched and is now this; the restart covers every event up to `by`."""

    label: ClassVar = "restarted"
    workload: Workload
    by: EventId


@dataclass(frozen=True, slots=True)
class Covered:
    """The workload bears a restart that was made after the event was accepted, and that covers every event up to `by`.

    `served_since`: where others have made the restart, or created the workload (C2), from when on that is followed.
    """

    label: ClassVar = "covered"
    workload: Workload
    by: EventId
    served_since: str = ""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer event waits for the same workload: its restart will serve this one too."""

    label: ClassVar = "superseded"
    by: EventId


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Read again, the workload is no match (any more): another image, opted out, deleted, recreated."""

    label: ClassVar = "unmatched"
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not restarted, and it will not be for this event."""

    label: ClassVar = "failed"
    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """It was tried for as long as an event is worth it."""

    label: ClassVar = "expired"
    reason: str


Outcome = Restarted | Covered | Superseded | Unmatched | Failed | Expired
