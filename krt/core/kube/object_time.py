"""Times as they stand in objects: RFC 3339 in UTC (k8s.io/apimachinery, meta/v1, Time and MicroTime). Pure."""

from datetime import datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"


def spelled(time: datetime) -> str:
    """A time in UTC as a Time, which has whole seconds."""
    return f"{time:{FORM}}"


def micro_spelled(time: datetime) -> str:
    """A time in UTC as a MicroTime."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
