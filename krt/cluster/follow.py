"""Keeps one scope of the index true: list all of it, then follow its changes, for as long as the process lives.

Nothing but a complete list or a DELETED removes a workload: an API server that refuses or stumbles empties no index.
"""

import math
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import trio
from trio_util import AsyncValue

from krt.backoff import Backoff
from krt.cluster.index import Index
from krt.cluster.listing import ListTooLong, Pages
from krt.cluster.refusal import refusal
from krt.cluster.transport import Transport
from krt.cluster.watching import watch
from krt.cluster.wire import UNREADABLE, Unreadable, read_bookmark, read_changed, read_line, read_status
from krt.core.resource import Resource
from krt.core.workload import Workload, WorkloadKey
from krt.errors import ClusterDenied, ClusterError, ClusterUnavailable, VersionExpired
from krt.logs import Log

log = Log("cluster")

# The server sends a bookmark every minute. After a restore of etcd a watch from a version of its future is silent
# for ever, without an error: so silence ends the watch.
_SILENCE_SECONDS = 130.0
_DENIED_SECONDS = 60.0
_WATCH_SECONDS = (240.0, 360.0)
_PUT_AT_ONCE = 50  # workloads; half a millisecond


# Called when a page of a list has brought in what was not known before. Must not wait or raise.
OnGrowth = Callable[[], None]


@dataclass(slots=True, eq=False)
class Scope:
    """A resource in one namespace, or in all (None), and how far it has been followed."""

    resource: Resource
    namespace: str | None
    version: str | None = None  # what the next watch begins after; None: list first
    listed: trio.Event = field(default_factory=trio.Event)  # set for ever after the first complete list
    denied: trio.Event = field(default_factory=trio.Event)  # set at the next denial, and then another one
    problem: str | None = "not listed yet"  # why the index may be behind in this scope
    denied_since: float | None = None  # on Trio's clock, while it may not be listed or watched
    heard_at: float = -math.inf  # on Trio's clock: the last list, bookmark or change
    watch_ends: Counter[str] = field(default_factory=Counter)  # by reason
    wanted_at: AsyncValue[float] = field(default_factory=lambda: AsyncValue(-math.inf))  # somebody waits for heard_at
    watching: trio.CancelScope = field(default_factory=trio.CancelScope)  # the watch that is open

    @property
    def is_closed(self) -> bool:
        """Whether it is denied for longer than an API server denies everybody while it starts."""
        return self.denied_since is not None and trio.current_time() - self.denied_since >= _DENIED_SECONDS

    def check_order(self, known: str | None, version: str) -> None:
        """Compare a version that the server gave out with one that it had given out before.

        Raises VersionExpired where the server has gone back: etcd was restored from a copy. What the index holds is
        then of a future that never comes, and nothing counts as heard until all is listed anew.
        """
        if known and known.isdecimal() and version.isdecimal() and int(version) < int(known):
            self.version, self.heard_at = None, -math.inf
            self.watching.cancel()
            raise VersionExpired(f"the server went back from version {known} to {version}")

    def note_denial(self, *, denied: bool) -> None:
        """Remember since when it is denied; anything else that is heard of it ends that."""
        self.denied_since = (self.denied_since or trio.current_time()) if denied else None
        if denied:
            self.denied.set()
            self.denied = trio.Event()

    def fail(self, error: ClusterError) -> None:
        """Take note of why it cannot be followed just now."""
        if str(error) != self.problem:
            self.problem = str(error)
            log.warning("scope_unavailable", scope=self, problem=error)
        self.note_denial(denied=isinstance(error, ClusterDenied))

    def __str__(self) -> str:
        within = f" in {self.namespace or 'all namespaces'}" if self.resource.namespaced else ""
        return f"{self.resource.plural}{within}"


async def keep(scope: Scope, transport: Transport, index: Index, on_growth: OnGrowth = lambda: None) -> None:
    """Follow the scope for ever. What goes wrong is waited out; 410 and silence lead to a new list."""
    backoff = Backoff(first_seconds=0.5, most_seconds=30.0)
    async for _ in backoff:
        try:
            if scope.version is None:
                await _list(scope, transport, index, on_growth)
            await _watch(scope, transport, index, backoff)
            scope.watch_ends["ended"] += 1
        except VersionExpired as error:
            scope.watch_ends["expired"] += 1
            scope.version = None
            log.info("watch_expired", scope=scope, problem=error)
        except ClusterError as error:
            scope.watch_ends["denied" if isinstance(error, ClusterDenied) else "failed"] += 1
            scope.fail(error)
            await trio.sleep(error.retry_after_seconds)


async def _list(scope: Scope, transport: Transport, index: Index, on_growth: OnGrowth) -> None:
    began = trio.current_time()
    listed, new = set[WorkloadKey](), set[WorkloadKey]()
    try:
        async for page in Pages(transport, scope.resource, scope.namespace):
            known = len(new)
            await _put(page.workloads, index, listed, new)
            if len(new) > known:
                on_growth()
    except ListTooLong:
        for key in new:  # or each try would leave as many as a list may have
            index.remove(key)
        raise
    index.retain(scope.resource.kind, scope.namespace, listed)
    scope.version = page.resource_version
    scope.heard_at = began
    scope.listed.set()
    log.info("scope_listed", scope=scope, workloads=len(listed))


async def _put(workloads: Iterator[Workload], index: Index, listed: set[WorkloadKey], new: set[WorkloadKey]) -> None:
    for number, workload in enumerate(workloads, start=1):
        if index.get(workload.key) is None:
            new.add(workload.key)
        index.put(workload)
        listed.add(workload.key)
        if number % _PUT_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()


async def _watch(scope: Scope, transport: Transport, index: Index, backoff: Backoff) -> None:
    seconds = random.uniform(*_WATCH_SECONDS)  # noqa: S311 - spreads load, guards nothing
    with trio.CancelScope() as scope.watching:
        async with watch(transport, scope.resource, scope.namespace, scope.version or "", seconds) as lines:
            scope.problem = None
            scope.note_denial(denied=False)
            while (line := await _next(lines)) is not None:
                _apply(scope, index, line)
                scope.heard_at = trio.current_time()
                backoff.reset()
    if scope.watching.cancelled_caught:
        raise VersionExpired("the server has gone back to an older version")


async def _next(lines: AsyncIterator[bytes]) -> bytes | None:
    with trio.move_on_after(_SILENCE_SECONDS):
        return await anext(lines, None)
    raise VersionExpired(f"the watch was silent for {_SILENCE_SECONDS:g} s")


def _apply(scope: Scope, index: Index, line: bytes) -> None:
    try:
        change = read_line(line)
        match change.type:
            case "BOOKMARK":
                version = read_bookmark(change.object)
                scope.check_order(scope.version, version)
                scope.version = version
            case "ERROR":
                status = read_status(change.object)
                raise refusal(status.code, status)
            case _:
                _take(scope, index, read_changed(scope.resource.kind, change.object), deleted=change.type == "DELETED")
    except UNREADABLE as error:
        raise ClusterUnavailable(f"the watch sent a line that is none: {error}") from error


def _take(scope: Scope, index: Index, changed: Workload | Unreadable, *, deleted: bool) -> None:
    scope.check_order(scope.version, changed.resource_version)
    scope.version = changed.resource_version
    if isinstance(changed, Unreadable):
        log.warning("object_unreadable", workload=changed.key, problem=changed.problem)
    if deleted or isinstance(changed, Unreadable):
        index.remove(changed.key)
    else:
        index.put(changed)
