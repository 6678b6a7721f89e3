"""`GET /events/ID`: how an event is getting on, for the repository that announced it and nobody else."""

import json
from typing import Any

import trio

from krt.core.document import document
from krt.core.event_id import EventId
from krt.core.identity import Rejection
from krt.core.policy import rules_for
from krt.core.report import FINAL
from krt.errors import KrtError, TokenRejected
from krt.web.answers import Answer, no_such_event, of_error, report
from krt.web.call import Call, Door

MOST_WAIT_SECONDS = 25.0


async def get_event(door: Door, call: Call, event: EventId, wait_seconds: float) -> Answer:
    """The report; with `wait_seconds`, not before it has changed. An event of another repository is like none."""
    try:
        identity = call.record.identity = door.identify(call.headers)
        if not rules_for(door.rules, identity):
            raise TokenRejected(Rejection.NO_RULE)
        if wait_seconds and door.watch.is_open:
            found = await _changed(door, event, identity.repository_id, min(wait_seconds, MOST_WAIT_SECONDS))
        else:
            found = await _read(door, event, identity.repository_id)
    except KrtError as error:
        return of_error(error)
    return report(found) if found else no_such_event()


async def _read(door: Door, event: EventId, repository_id: str) -> dict[str, Any] | None:
    found = await door.read_report(event)
    if found is None or found[0].event.get("repository_id") != repository_id:
        return None
    return document(*found)


async def _changed(door: Door, event: EventId, repository_id: str, seconds: float) -> dict[str, Any] | None:
    """The report as it is when it has changed, or is final, or time is over."""
    until = trio.current_time() + seconds
    with door.watch.listening(event) as ear:  # before the first look: no change falls in between
        found = await _read(door, event, repository_id)
        told = _told(found)
        while found and found["state"] not in FINAL and _told(found) == told and await ear.wait(until):
            found = await _read(door, event, repository_id)
    return found


def _told(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    # When a cluster was last seen changes all the time, and tells nothing.
    clusters = [{name: value for name, value in one.items() if name != "seen_at"} for one in found["clusters"]]
    return json.dumps({**found, "clusters": clusters}, sort_keys=True)
