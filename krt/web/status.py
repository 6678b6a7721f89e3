"""`GET /events/ID`: the report of an event, for the repository that announced it and for nobody else.

The ETag identifies the report's content. A caller sends it back in If-None-Match together with `?wait=`; the call then
waits for a report with another ETag. So no change between two calls is missed. If nothing has changed when the wait
ends, the answer is 304 (RFC 9110, section 13.1.2).
"""

from dataclasses import dataclass
from hashlib import sha256

import msgspec
import trio

from krt.core.announce.event_id import EventId, parse
from krt.core.ports.announcements import ReadReport
from krt.core.report.document import document
from krt.core.report.report_document import Document
from krt.errors import KrtError
from krt.serving.asgi import RawHeaders
from krt.web.answers import WebAnswer, no_such_event, of_error, report, same_report
from krt.web.call import Call
from krt.web.routes import report_asked_for
from krt.web.watch import ReportWatch

MOST_WAIT_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class _Found:
    document: Document
    tag: str


@dataclass(frozen=True, slots=True)
class ReportDesk:
    """Reads reports, and waits for their changes."""

    read: ReadReport
    watch: ReportWatch


async def get_event(desk: ReportDesk, call: Call) -> WebAnswer:
    """Answer with the report.

    A call that asks to wait is answered once the report has changed, once it is final, when the time is over, or when
    the process stops. It waits MOST_WAIT_SECONDS at most, and not at all if too many calls wait already.

    An event of another repository is answered like an event that does not exist.
    """
    known, repository_id = _known(call.headers), call.caller.identity.repository_id
    asked, wait_seconds = report_asked_for(call.target)
    try:
        event = parse(asked)
    except ValueError:  # for example 00-1: digits that are not an id
        return no_such_event()
    try:
        if wait_seconds and desk.watch.is_open:
            until = trio.current_time() + min(wait_seconds, MOST_WAIT_SECONDS)
            found = await _changed(desk, event, repository_id, known, until)
        else:
            found = await _read(desk, event, repository_id)
    except KrtError as error:
        return of_error(error)
    if found is None:
        return no_such_event()
    return same_report(found.tag) if found.tag in known else report(msgspec.json.encode(found.document), found.tag)


async def _read(desk: ReportDesk, event: EventId, repository_id: str) -> _Found | None:
    found = await desk.read(event)
    if found is None or found[0].event.get("repository_id") != repository_id:
        return None
    shown = document(*found)
    return _Found(shown, _tag(shown))


async def _changed(
    desk: ReportDesk, event: EventId, repository_id: str, known: frozenset[str], until: float
) -> _Found | None:
    """The report once its tag is not in `known`, once it is final, at `until`, or when the process stops.

    If `known` is empty, the first report that is read counts as known. None if the repository has no such event.
    """
    with desk.watch.listening(event) as ear:  # before the first read: no change is missed
        found = await _read(desk, event, repository_id)
        old = known or {found.tag if found else ""}
        while found and not found.document.is_final and found.tag in old and await ear.wait(until):
            found = await _read(desk, event, repository_id)
    return found


def _tag(found: Document) -> str:
    encoded = msgspec.json.encode(found.without_sightings())  # not the bytes of the answer, so the tag is weak: W/
    return f'W/"{sha256(encoded).hexdigest()[:32]}"'


def _known(headers: RawHeaders) -> frozenset[str]:
    values = (value.decode("latin-1") for name, value in headers if name == b"if-none-match")
    return frozenset(tag.strip() for value in values for tag in value.split(","))
