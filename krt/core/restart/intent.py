"""Why a workload is restarted, whatever asks for it: an announced image, and later the content of a Secret."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from krt.core.announce.event_id import EventId
from krt.core.envelope import Envelope
from krt.core.kube.workload import Workload
from krt.core.restart.matching import Verdict, judge

_MOST_CAUSE_CHARACTERS = 1024  # refs are as long as their authors like


@dataclass(frozen=True, slots=True)
class Intent:
    """`judge` says whether a workload, as it was read just now, is still to be restarted; None: it is not concerned.

    `cause` tells people who asked: it stands in the annotation `krt/cause` and in the Kubernetes Event.
    """

    id: EventId
    cause: str
    judge: Callable[[Workload], Verdict | None]


def of_image(event: EventId, envelope: Envelope, *, require_opt_in: bool) -> Intent:
    """The intent of an announced image."""
    origin = envelope.origin
    said = f"{origin.repository} {origin.ref} {origin.run_url}" if origin else "a message on the channel"
    return Intent(event, said[:_MOST_CAUSE_CHARACTERS], partial(judge, envelope.event, require_opt_in=require_opt_in))
