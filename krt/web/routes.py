"""The requests that the public listener knows, each in one row: how it is asked for, and how it is treated."""

import re
from enum import Enum


class Route(Enum):
    """A kind of request. The label is its name in log and metrics; what was asked for is the asker's text.

    Where there is GET, there is HEAD (RFC 9110, section 9.1). Load balancers ask for health with a query of theirs.
    The target of an announcement is part of its use of a token, which Valkey remembers: it must stay as it is.
    """

    EVENT = "event", "POST", "/event"
    DRY_RUN = "dry_run", "POST", "/event/dry-run"
    HEALTH = "health", "GET|HEAD", r"/healthz(?:\?.*)?"
    REPORT = "report", "GET|HEAD", r"/events/[0-9]{1,20}-[0-9]{1,20}(?:\?wait=[0-9]{1,4})?"
    OTHER = "other", "(?!)", ""  # whatever is exactly none of them

    def __init__(self, label: str, method: str, target: str) -> None:
        self.label = label
        self.target = target
        self.line = re.compile(f"(?:{method}) {target}".encode())

    @property
    def announces(self) -> bool:
        """Whether it announces an image."""
        return self in _ANNOUNCING

    @property
    def is_quiet(self) -> bool:
        """Whether it comes again and again, so that its ordinary answer is logged at debug only."""
        return self in _QUIET


_ANNOUNCING = {Route.EVENT, Route.DRY_RUN}
_QUIET = {Route.HEALTH, Route.REPORT}


def route_of(method: bytes, target: bytes) -> Route:
    """The route of a request line, by its bytes: ASGI's path and query no longer tell `/event?` from `/event`."""
    line = b"%b %b" % (method, target)
    return next((route for route in Route if route.line.fullmatch(line)), Route.OTHER)


def report_asked_for(target: bytes) -> tuple[str, float]:
    """The event's id and the seconds to wait in a target of Route.REPORT."""
    event, _, wait = target.decode().removeprefix("/events/").partition("?wait=")
    return event, float(wait or 0)
