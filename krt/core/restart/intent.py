"""The reason for which a worker restarts workloads. At present it is always an announced image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from krt.core.announce.event_id import EventId
from krt.core.envelope import Envelope
from krt.core.kube.workload import Workload
from krt.core.restart.cause import cause_of
from krt.core.restart.matching import Verdict, judge


@dataclass(frozen=True, slots=True)
class Intent:
    """The reason for a restart. `judge` gives the verdict on a workload as just read; None if it is not concerned.

    `cause` is for people: it goes into the annotation `krt/cause` and into the Kubernetes Event.
    """

    id: EventId
    cause: str
    judge: Callable[[Workload], Verdict | None]


def of_image(event: EventId, envelope: Envelope, *, require_opt_in: bool) -> Intent:
    """The intent of the event `event`, which announces the image in `envelope`."""
    return Intent(event, cause_of(envelope), partial(judge, envelope.event, require_opt_in=require_opt_in))
