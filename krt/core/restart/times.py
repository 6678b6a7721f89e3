"""Times as Kubernetes writes and reads them, and their comparison with the time in an event's id."""

import math
import re
from datetime import MAXYEAR, UTC, datetime

from krt.core.announce.event_id import EventId

# RFC 3339, section 5.6, as Kubernetes writes and reads it: upper case, an offset, no leap second.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-5][0-9])"
)


CLOCKS_SECONDS = 10.0  # synchronised clocks differ by less


def parse_time(text: str | None) -> datetime | None:
    """The RFC 3339 time in UTC, cut to microseconds; None if `text` is None or anything else.

    A time in the year 9999 counts as none, because `next_restart` could not make a later datetime.
    """
    if not text or not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or before the year 1 in UTC
        return None
    return time if time.year < MAXYEAR else None


def is_after(time: str | None, event: EventId) -> bool:
    """Whether the RFC 3339 `time` is later than the event. False if `time` cannot be parsed."""
    return seconds_after(time, event) > 0


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds. kubectl writes whole seconds, in which two restarts could be equal."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_after(time: str | None, event: EventId) -> float:
    """By how many seconds the RFC 3339 `time` is later than the event; minus infinity if it cannot be parsed."""
    parsed = parse_time(time)
    return parsed.timestamp() - event.milliseconds / 1000 if parsed else -math.inf
