"""Times as the API server writes them into objects: RFC 3339 in UTC, with whole seconds (k8s.io/apimachinery). Pure."""

from datetime import datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"


def spelled(time: datetime) -> str:
    """A time in UTC as the API server would write it."""
    return f"{time:{FORM}}"
