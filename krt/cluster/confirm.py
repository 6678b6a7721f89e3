"""Finds out whether a store is up to date while nothing changes: a bookmark takes up to a minute, this takes seconds.

A list of one object returns the newest version, and makes the server's cache catch up with that version. If it is older
than the store's version, the server has gone back, and `reflect` lists everything anew. If the store has reached it,
nothing is missing. Otherwise a second, short watch from the store's version answers the question: in the last two
seconds of a watch the server sends a bookmark, if anything has changed since the version at which the watch began.
Neither call changes the store.
"""

from collections.abc import AsyncIterator
from typing import TypeVar

import trio

from krt.backoff import Backoff
from krt.cluster.listing import newest_version
from krt.cluster.reflect import Kept
from krt.cluster.scope import Scope
from krt.cluster.transport import Transport
from krt.cluster.watching import watch
from krt.cluster.wire import read_line, read_version
from krt.errors import ClusterError
from krt.logs import Log

T = TypeVar("T", bound=Kept)

log = Log("cluster")

AT_ONCE = 16  # scopes of one worker that may ask at the same time
_PAUSE_SECONDS = 2.0  # between two questions about one scope
_WATCH_SECONDS = 3.0
_LONGEST_SECONDS = 20.0  # of one question, for a server that does not end the watch when it should


async def confirm(scope: Scope[T], transport: Transport, limit: trio.CapacityLimiter) -> None:
    """Ask whenever the scope should be fresher than it is (`state.wanted_at`), within `limit`. Never returns."""
    backoff = Backoff(first_seconds=1.0, most_seconds=15.0)
    async for _ in backoff:
        wanted_at = await scope.state.wanted_at.wait_value(lambda at: at > scope.state.heard_at)
        await trio.sleep_until(wanted_at)
        if scope.state.heard_at < wanted_at:
            async with limit:
                await _ask(scope, transport)
            await trio.sleep(_PAUSE_SECONDS)
        if scope.state.heard_at >= wanted_at:
            backoff.reset()


async def _ask(scope: Scope[T], transport: Transport) -> None:
    began = trio.current_time()
    try:
        with trio.move_on_after(_LONGEST_SECONDS):
            known = scope.state.version
            newest = int(await newest_version(transport, scope.resource, scope.namespace))
            scope.state.check_order(known, str(newest))
            if _is_at(scope, newest):
                scope.state.heard_at = max(scope.state.heard_at, began)
            elif scope.state.version:
                async with watch(transport, scope, scope.state.version, _WATCH_SECONDS) as lines:
                    await _hear(scope, newest, lines, began)
    except (ClusterError, ValueError) as error:
        # A ValueError comes from an answer that no API server sends: it is not JSON, or its version is not a number.
        # `reflect`, which follows the scope as well, logs the problem.
        log.debug("freshness_unknown", scope=scope, problem=error)


async def _hear(scope: Scope[T], newest: int, lines: AsyncIterator[bytes], began: float) -> None:
    """Read the watch until it ends, or until it shows that the store holds everything up to version `newest`.

    In the second case note in `heard_at` when the question was asked.
    """
    seen = 0
    async for line in lines:
        change = read_line(line)
        match change.type:
            case "BOOKMARK":
                if int(read_version(change.object)) >= newest and _is_at(scope, seen):
                    scope.state.heard_at = max(scope.state.heard_at, began)
                    return
            case "ERROR":
                return
            case _:
                seen = int(scope.reader.changed(change.object).resource_version)


def _is_at(scope: Scope[T], version: int) -> bool:
    """Whether the store holds every change of the scope up to this version."""
    return scope.state.version is not None and int(scope.state.version) >= version
