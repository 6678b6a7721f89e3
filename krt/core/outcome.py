"""How the journal's business with one workload and one event ended."""

from dataclasses import dataclass

from krt.core.event_id import EventId
from krt.core.workload import Workload


@dataclass(frozen=True, slots=True)
class Restarted:
    """The workload was patched and is now this; the restart covers every event up to `by`."""

    workload: Workload
    by: EventId


@dataclass(frozen=True, slots=True)
class Covered:
    """A restart that was made after the event was accepted is on the workload; it covers every event up to `by`.

    `served_since`: where others have made the restart, or created the workload (C2), from when on that is followed.
    """

    by: EventId
    workload: Workload
    served_since: str = ""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer event waits for the same workload: its restart will serve this one too."""

    by: EventId


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Read again, the workload is no match (any more): another image, opted out, deleted, recreated."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not restarted, and it will not be for this event."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """It was tried for as long as an event is worth it."""

    reason: str


Outcome = Restarted | Covered | Superseded | Unmatched | Failed | Expired
