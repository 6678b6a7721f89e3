"""Keeps one scope of the index true: list all of it, then follow its changes, for as long as the process lives.

Nothing but a complete list or a DELETED removes a workload: an API server that refuses or stumbles empties no index.
"""

import math
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec
import trio

from krt.cluster.api import Api
from krt.cluster.index import Index
from krt.cluster.kinds import Kind
from krt.cluster.refusal import refusal
from krt.cluster.wire import WatchLine, read_bookmark, read_line, read_status, read_workload_or_none
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, Gone, VersionExpired
from krt.logs import Log
from krt.serving.backoff import Backoff

log = Log("cluster")

# The server sends a bookmark every minute. After a restore of etcd a watch from a version of its future is silent
# for ever, without an error: so silence ends the watch.
_SILENCE_SECONDS = 130.0
_DENIED_SECONDS = 60.0
_WATCH_SECONDS = (240.0, 360.0)


@dataclass(slots=True, eq=False)
class Scope:
    """A kind in one namespace, or in all (None), and how far it has been followed."""

    kind: Kind
    namespace: str | None
    version: str | None = None  # what the next watch begins after; None: list first
    listed: trio.Event = field(default_factory=trio.Event)  # set for ever after the first complete list
    problem: str | None = "not listed yet"  # why the index may be behind in this scope
    denied_since: float | None = None  # on Trio's clock, while it may not be listed or watched
    heard_at: float = -math.inf  # on Trio's clock: the last list, bookmark or change

    @property
    def is_closed(self) -> bool:
        """Whether it is denied for longer than an API server denies everybody while it starts."""
        return self.denied_since is not None and trio.current_time() - self.denied_since >= _DENIED_SECONDS

    def note_denial(self, *, denied: bool) -> None:
        """Remember since when it is denied; anything else that is heard of it ends that."""
        self.denied_since = (self.denied_since or trio.current_time()) if denied else None

    def __str__(self) -> str:
        return f"{self.kind.plural} in {self.namespace or 'all namespaces'}"


async def keep(scope: Scope, api: Api, index: Index) -> None:
    """Follow the scope for ever. What goes wrong is waited out; 410 and silence lead to a new list."""
    backoff = Backoff(first_seconds=0.5, most_seconds=30.0)
    async for _ in backoff:
        try:
            if scope.version is None:
                await _list(scope, api, index)
            await _watch(scope, api, index, backoff)
        except VersionExpired as error:
            scope.version = None
            log.info("watch_expired", scope=scope, problem=error)
        except (ClusterUnavailable, ClusterDenied, ClusterRefused, Gone) as error:
            scope.problem = str(error)
            scope.note_denial(denied=isinstance(error, ClusterDenied))
            log.warning("scope_unavailable", scope=scope, problem=error)
            await trio.sleep(getattr(error, "retry_after_seconds", None) or 0)


async def _list(scope: Scope, api: Api, index: Index) -> None:
    began = trio.current_time()
    page = await api.list_page(scope.kind, scope.namespace, None)
    workloads = page.workloads
    while page.continue_token:
        page = await api.list_page(scope.kind, scope.namespace, page.continue_token)
        workloads += page.workloads
    index.replace(scope.kind.name, scope.namespace, workloads)
    scope.version = page.resource_version
    scope.heard_at = began
    scope.listed.set()
    log.info("scope_listed", scope=scope, workloads=len(workloads))


async def _watch(scope: Scope, api: Api, index: Index, backoff: Backoff) -> None:
    seconds = random.uniform(*_WATCH_SECONDS)  # noqa: S311 - spreads load, guards nothing
    async with api.watch(scope.kind, scope.namespace, scope.version or "", seconds) as lines:
        scope.problem = None
        scope.note_denial(denied=False)
        while (line := await _next(lines)) is not None:
            _take(scope, index, line)
            scope.heard_at = trio.current_time()
            backoff.reset()


async def _next(lines: AsyncIterator[bytes]) -> bytes | None:
    with trio.move_on_after(_SILENCE_SECONDS):
        return await anext(lines, None)
    raise VersionExpired(f"the watch was silent for {_SILENCE_SECONDS:g} s")


def _take(scope: Scope, index: Index, line: bytes) -> None:
    try:
        _apply(scope, index, read_line(line))
    except msgspec.DecodeError as error:  # some proxy's own words
        raise ClusterUnavailable(f"the watch sent what is not the expected JSON: {error}") from error


def _apply(scope: Scope, index: Index, change: WatchLine) -> None:
    match change.type:
        case "BOOKMARK":
            scope.version = read_bookmark(change.object)
            return
        case "ERROR":
            status = read_status(change.object)
            raise refusal(status.code, status)
    workload = read_workload_or_none(scope.kind.name, change.object)
    if workload is None:
        return
    scope.version = workload.resource_version
    if change.type == "DELETED":
        index.remove(workload.key)
    else:
        index.put(workload)
