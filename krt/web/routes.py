"""The routes of the public listener: one row each, with method and target."""

import re
from enum import Enum


class Route(Enum):
    """A kind of request: a label, and regular expressions for method and target.

    Log and metrics use the label, because the target itself is the client's text. GET routes also answer HEAD
    (RFC 9110, section 9.1). HEALTH allows any query, because load balancers add one. The target of an announcement must
    never change: the record by which Valkey recognizes a retry contains it (core.caller.use).
    """

    EVENT = "event", "POST", "/event"
    DRY_RUN = "dry_run", "POST", "/event/dry-run"
    HEALTH = "health", "GET|HEAD", r"/healthz(?:\?.*)?"
    REPORT = "report", "GET|HEAD", r"/events/[0-9]{1,20}-[0-9]{1,20}(?:\?wait=[0-9]{1,4})?"
    OTHER = "other", "(?!)", ""  # matches nothing; stands for every other request

    def __init__(self, label: str, method: str, target: str) -> None:
        self.label = label
        self.target = target
        self.line = re.compile(f"(?:{method}) {target}".encode())

    @property
    def announces(self) -> bool:
        """Whether a call of this route announces an image."""
        return self in _ANNOUNCING

    @property
    def is_quiet(self) -> bool:
        """Whether clients poll this route, so that its 200 is logged at debug only."""
        return self in _QUIET


_ANNOUNCING = {Route.EVENT, Route.DRY_RUN}
_QUIET = {Route.HEALTH, Route.REPORT}


def route_of(method: bytes, target: bytes) -> Route:
    """The route of a request line, matched as raw bytes: ASGI's path and query are equal for `/event?` and `/event`."""
    line = b"%b %b" % (method, target)
    return next((route for route in Route if route.line.fullmatch(line)), Route.OTHER)


def report_asked_for(target: bytes) -> tuple[str, float]:
    """The event's id and the seconds to wait, from a target of Route.REPORT. Without `?wait=` the seconds are 0."""
    event, _, wait = target.decode().removeprefix("/events/").partition("?wait=")
    return event, float(wait or 0)
