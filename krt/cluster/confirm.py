"""Finds out whether a store is up to date where nothing changes: bookmarks come once a minute, this takes a second.

A list of one object tells the newest version there is, and makes the server's cache catch up with it. If that is older
than what the store held before the call, the server has gone back, and all is listed anew. Is that what the
store holds, nothing is missing. Otherwise a second, short watch from there tells what is: a server ends every watch
with bookmarks, in its last two seconds, if they say more than where it began. Nothing of this changes the store.
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

AT_ONCE = 16  # scopes of one worker that are asked about at a time, however many there are
_PAUSE_SECONDS = 2.0  # between two times of one scope
_WATCH_SECONDS = 3.0
_LONGEST_SECONDS = 20.0  # of a server that does not end what it was asked to end


async def confirm(scope: Scope[T], transport: Transport, limit: trio.CapacityLimiter) -> None:
    """Whenever somebody wants the scope to be fresh, and it says nothing by itself: ask, for ever."""
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
                async with watch(
                    transport, scope.resource, scope.namespace, scope.state.version, _WATCH_SECONDS
                ) as lines:
                    await _hear(scope, newest, lines, began)
    except (ClusterError, ValueError) as error:
        # A ValueError is what no API server sends: no JSON, or a version that is no number. Whoever follows the scope
        # says what is wrong with the server.
        log.debug("freshness_unknown", scope=scope, problem=error)


async def _hear(scope: Scope[T], newest: int, lines: AsyncIterator[bytes], began: float) -> None:
    """Return as soon as the store is known to hold all that there is up to that version; note it then."""
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
    """Whether the store holds everything of its scope up to that version."""
    return scope.state.version is not None and int(scope.state.version) >= version
