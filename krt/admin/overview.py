"""The last hour in four numbers, for the head of the live page. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from krt.core.announce.event_id import EventId
from krt.core.report.report import EventState
from krt.core.report.report_document import Document
from krt.core.report.target import TargetState

HOUR_SECONDS = 3600.0

_RESTARTED = frozenset({TargetState.PROGRESSING, TargetState.READY})
_FAILED = frozenset({EventState.FAILED, EventState.EXPIRED})
_UNDER_WAY = frozenset({EventState.ACCEPTED, EventState.ROLLING})


@dataclass(frozen=True, slots=True)
class LastHour:
    """`restarted` counts workloads: one restart serves several events, and the reports do not say which ones.

    `is_whole` is false if the page has not read all events of the hour, or not all their workloads.
    """

    events: int = 0
    restarted: int = 0
    failed: int = 0
    under_way: int = 0
    is_whole: bool = True


def last_hour(documents: Mapping[EventId, Document], *, now: float, has_older: bool) -> LastHour:
    """The numbers at `now`, in seconds since the epoch by Valkey's clock.

    `has_older` says whether there are events older than these.
    """
    since = (now - HOUR_SECONDS) * 1000
    found = [document for event, document in documents.items() if event.milliseconds >= since]
    restarted = {target.key for each in found for target in each.targets if target.state in _RESTARTED}
    is_cut = (has_older and len(found) == len(documents)) or any(c.more for each in found for c in each.clusters)
    return LastHour(
        events=len(found),
        restarted=len(restarted),
        failed=sum(each.state in _FAILED for each in found),
        under_way=sum(each.state in _UNDER_WAY for each in found),
        is_whole=not is_cut,
    )
