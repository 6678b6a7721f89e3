"""Times as Kubernetes writes and reads them, and how they compare with an event's id."""

import math
import re
from datetime import MAXYEAR, UTC, datetime

from krt.core.announce.event_id import EventId

# RFC 3339, section 5.6, as Kubernetes writes and reads it: upper case, an offset, no leap second.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-5][0-9])"
)


CLOCKS_SECONDS = 10.0  # clocks that somebody looks after differ by less


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time with its offset, in UTC and cut to microseconds; None for none and for anything else.

    A time of the last year that there is counts as none: a restart could not be later (`next_restart`).
    """
    if not text or not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or one before year 1 in UTC
        return None
    return time if time.year < MAXYEAR else None


def is_after(time: str | None, event: EventId) -> bool:
    """Whether the RFC 3339 `time` is later than the event; not if it is none."""
    return seconds_after(time, event) > 0


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds: two restarts within one second differ (kubectl's own format cannot)."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_after(time: str | None, event: EventId) -> float:
    """How many seconds the RFC 3339 `time` is later than the event; minus infinity if it is none."""
    parsed = parse_time(time)
    return parsed.timestamp() - event.milliseconds / 1000 if parsed else -math.inf
