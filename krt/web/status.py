"""`GET /events/ID`: how an event is getting on, for the repository that announced it and nobody else."""

import json
from typing import Any

import trio

from krt.core.event_id import EventId
from krt.core.identity import Rejection
from krt.core.policy import rules_for
from krt.core.report import FINAL, document
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
        found = await _read(door, event, identity.repository_id)
        if found and wait_seconds and door.watch.is_open:
            found = await _changed(door, event, found, identity.repository_id, wait_seconds)
    except KrtError as error:
        return of_error(error)
    return report(found) if found else no_such_event()


async def _read(door: Door, event: EventId, repository_id: str) -> dict[str, Any] | None:
    found = await door.read_report(event)
    if found is None or found[0].event.get("repository_id") != repository_id:
        return None
    return document(*found)


async def _changed(
    door: Door, event: EventId, before: dict[str, Any], repository_id: str, seconds: float
) -> dict[str, Any] | None:
    end = trio.current_time() + min(seconds, MOST_WAIT_SECONDS)
    now: dict[str, Any] | None = before
    while now and _told(now) == _told(before) and door.watch.is_open and trio.current_time() < end:
        if now["state"] in FINAL:
            break
        await door.watch.wait(event, end - trio.current_time())
        now = await _read(door, event, repository_id)
    return now


def _told(found: dict[str, Any]) -> str:
    # When a cluster was last seen changes all the time, and tells nothing.
    clusters = [{name: value for name, value in one.items() if name != "seen_at"} for one in found["clusters"]]
    return json.dumps({**found, "clusters": clusters}, sort_keys=True)
