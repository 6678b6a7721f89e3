"""How the restart of one workload for one event ended: one of six outcomes.

`label` is the outcome's name in the log and in the metric `krt_restarts_total`: dashboards depend on it.
"""

from dataclasses import dataclass
from typing import ClassVar

from krt.core.announce.event_id import EventId
from krt.core.kube.workload import Workload


@dataclass(frozen=True, slots=True)
class Restarted:
    """krt patched the workload, which is now `workload`. The restart covers every event up to `by`."""

    label: ClassVar = "restarted"
    workload: Workload
    by: EventId


@dataclass(frozen=True, slots=True)
class Covered:
    """The workload was restarted after the event was accepted. That restart covers every event up to `by`.

    If others than krt restarted or created the workload (docs/correctness.md, C2), krt follows the rollout from
    `served_since` on, an RFC 3339 time; otherwise `served_since` is "".
    """

    label: ClassVar = "covered"
    workload: Workload
    by: EventId
    served_since: str = ""


@dataclass(frozen=True, slots=True)
class Superseded:
    """The newer event `by` waits for the same workload: the restart for `by` will serve this event, too."""

    label: ClassVar = "superseded"
    by: EventId


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The workload, read again, no longer matches: it runs another image, is opted out, was deleted or recreated."""

    label: ClassVar = "unmatched"
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The workload was not restarted for this event, and will not be."""

    label: ClassVar = "failed"
    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Every attempt failed until the event was older than KRT_MAX_EVENT_AGE."""

    label: ClassVar = "expired"
    reason: str


Outcome = Restarted | Covered | Superseded | Unmatched | Failed | Expired
