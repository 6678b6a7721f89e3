"""Finds out whether the index is up to date where nothing changes: bookmarks come once a minute, this takes a second.

A list of one object tells the newest version there is, and makes the server's cache catch up with it. Is that what the
index holds, nothing is missing. Otherwise a second, short watch from there tells what is: a server ends every watch
with bookmarks, in its last two seconds, if they say more than where it began. Nothing of this changes the index.
"""

from collections.abc import AsyncIterator

import trio

from krt.cluster.api import Api
from krt.cluster.follow import Scope
from krt.cluster.wire import UNREADABLE, read_bookmark, read_changed, read_line
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, Gone, VersionExpired
from krt.logs import Log
from krt.serving.backoff import Backoff

log = Log("cluster")

AT_ONCE = 8  # scopes of one worker that are asked about at a time, however many there are
_WATCH_SECONDS = 3.0
_LONGEST_SECONDS = 20.0  # of a server that does not end what it was asked to end


async def confirm(scope: Scope, api: Api, limit: trio.CapacityLimiter) -> None:
    """Whenever somebody wants the scope to be fresh, and it says nothing by itself: ask, for ever."""
    backoff = Backoff(first_seconds=1.0, most_seconds=15.0)
    async for _ in backoff:
        wanted_at = await scope.wanted_at.wait_value(lambda at: at > scope.heard_at)
        await trio.sleep_until(wanted_at)
        if scope.heard_at < wanted_at:
            async with limit:
                await _ask(scope, api)
        if scope.heard_at >= wanted_at:
            backoff.reset()


async def _ask(scope: Scope, api: Api) -> None:
    began = trio.current_time()
    try:
        with trio.move_on_after(_LONGEST_SECONDS):
            newest = int(await api.newest_version(scope.kind, scope.namespace))
            if await _holds_all(scope, newest, api):
                scope.heard_at = max(scope.heard_at, began)
    except (ClusterUnavailable, ClusterDenied, ClusterRefused, Gone, VersionExpired, *UNREADABLE, ValueError) as error:
        log.debug("freshness_unknown", scope=scope, problem=error)  # whoever follows the scope says what is wrong


async def _holds_all(scope: Scope, newest: int, api: Api) -> bool:
    """Whether the index holds everything up to that version."""
    if not scope.version:
        return False  # it is listed anew
    if int(scope.version) >= newest:
        return True
    async with api.watch(scope.kind, scope.namespace, scope.version, _WATCH_SECONDS) as lines:
        told, vouched = await _told(scope, lines)
    return vouched >= newest and _is_at(scope, told)


def _is_at(scope: Scope, version: int) -> bool:
    return scope.version is not None and int(scope.version) >= version


async def _told(scope: Scope, lines: AsyncIterator[bytes]) -> tuple[int, int]:
    """The newest version of a change, and of a bookmark. Reads to the end: the connection can be used again."""
    told = vouched = 0
    async for line in lines:
        change = read_line(line)
        match change.type:
            case "BOOKMARK":
                vouched = int(read_bookmark(change.object))
            case "ERROR":
                raise VersionExpired("the watch ended with an error")
            case _:
                told = int(read_changed(scope.kind.name, change.object).resource_version)
    return told, vouched
