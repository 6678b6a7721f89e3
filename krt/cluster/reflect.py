"""Keeps a store up to date with one scope: lists all objects, then watches for changes, as long as the process lives.

An object is removed by a complete list, by a DELETED line, or by a change that krt cannot read. So an API server that
refuses or fails empties no store.
"""

import random
from collections.abc import AsyncIterator, Callable, Container, Iterator
from typing import Protocol, TypeVar

import trio

from krt.backoff import Backoff
from krt.cluster.listing import ListTooLong, Pages
from krt.cluster.object_errors import NotServed
from krt.cluster.refusal import refusal
from krt.cluster.scope import Scope
from krt.cluster.transport import Transport
from krt.cluster.watching import watch
from krt.cluster.wire import UNREADABLE, Unreadable, read_line, read_status, read_version
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.errors import ClusterDenied, ClusterError, ClusterUnavailable, VersionExpired
from krt.logs import Log

log = Log("cluster")

# The server sends a bookmark every minute. After a restore of etcd, a watch from a version that etcd has not reached
# again yet is silent, without an error and without an end. So krt cuts a silent watch.
_SILENCE_SECONDS = 130.0
_WATCH_SECONDS = (240.0, 360.0)
_PUT_AT_ONCE = 50  # objects between two checkpoints: storing them takes half a millisecond


# Called after each page of a list with objects that the store did not have. It must not block or raise.
OnGrowth = Callable[[], None]


class Kept(Protocol):
    """An object at one resource version."""

    @property
    def key(self) -> ObjectKey:
        """The object's key."""
        ...

    @property
    def resource_version(self) -> str:
        """The object's resource version."""
        ...


T = TypeVar("T", bound=Kept)
T_contra = TypeVar("T_contra", contravariant=True)


class Store(Protocol[T_contra]):
    """Holds objects. Several scopes may fill one store."""

    def __contains__(self, key: ObjectKey) -> bool:
        """Whether the store holds the object."""
        ...

    def put(self, changed: T_contra, /) -> None:
        """Add an object, or replace its earlier version."""
        ...

    def remove(self, key: ObjectKey) -> None:
        """Remove an object, if the store holds it."""
        ...

    def retain(self, resource: Resource, namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Remove all objects of one scope but those in `keys`. If `namespace` is None, it is the whole cluster."""
        ...


async def reflect(scope: Scope[T], transport: Transport, store: Store[T], on_growth: OnGrowth = lambda: None) -> None:
    """List and watch the scope, and write every change into `store`. Never returns.

    Between two watches, and after an error, it waits with a backoff. It lists anew after a 410, after silence, and if
    the server has gone back to an older version.
    """
    state, backoff = scope.state, Backoff(first_seconds=0.5, most_seconds=30.0)
    async for _ in backoff:
        try:
            if state.version is None:
                await _list(scope, transport, store, on_growth)
            await _watch(scope, transport, store, backoff)
            state.watch_ends["ended"] += 1
        except VersionExpired as error:
            state.watch_ends["expired"] += 1
            state.version = None
            log.info("watch_expired", scope=scope, problem=error)
        except ClusterError as error:
            state.watch_ends["denied" if isinstance(error, ClusterDenied) else "failed"] += 1
            _fail(scope, error)
            await trio.sleep(error.retry_after_seconds)


def _fail(scope: Scope[T], error: ClusterError) -> None:
    if scope.state.note_problem(error):
        log.warning("scope_unavailable", scope=scope, problem=error)
    # A kind that the cluster does not serve, as one that krt may not list, must not delay the others.
    scope.state.note_denial(denied=isinstance(error, ClusterDenied | NotServed))


async def _list(scope: Scope[T], transport: Transport, store: Store[T], on_growth: OnGrowth) -> None:
    began = trio.current_time()
    listed, new = set[ObjectKey](), set[ObjectKey]()
    try:
        async for page in Pages(transport, scope.reader, scope.namespace, scope.selection):
            known = len(new)
            await _put(page.objects, store, listed, new)
            if len(new) > known:
                on_growth()
    except ListTooLong:
        for key in new:  # otherwise each attempt would leave up to MOST_OBJECTS objects in the store
            store.remove(key)
        raise
    store.retain(scope.resource, scope.namespace, listed)
    scope.state.version = page.resource_version
    scope.state.heard_at = began
    scope.state.listed.set()
    log.info("scope_listed", scope=scope, objects=len(listed))


async def _put(objects: Iterator[T], store: Store[T], listed: set[ObjectKey], new: set[ObjectKey]) -> None:
    for number, each in enumerate(objects, start=1):
        if each.key not in store:
            new.add(each.key)
        store.put(each)
        listed.add(each.key)
        if number % _PUT_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()


async def _watch(scope: Scope[T], transport: Transport, store: Store[T], backoff: Backoff) -> None:
    state, seconds = scope.state, random.uniform(*_WATCH_SECONDS)  # noqa: S311 - spreads load, guards nothing
    with trio.CancelScope() as state.watching:
        async with watch(transport, scope, state.version or "", seconds) as lines:
            state.problem = None
            state.note_denial(denied=False)
            state.followed.set()
            while (line := await _next(lines)) is not None:
                _apply(scope, store, line)
                state.heard_at = trio.current_time()
                backoff.reset()
    if state.watching.cancelled_caught:
        raise VersionExpired("the server has gone back to an older version")


async def _next(lines: AsyncIterator[bytes]) -> bytes | None:
    with trio.move_on_after(_SILENCE_SECONDS):
        return await anext(lines, None)
    raise VersionExpired(f"the watch was silent for {_SILENCE_SECONDS:g} s")


def _apply(scope: Scope[T], store: Store[T], line: bytes) -> None:
    try:
        change = read_line(line)
        match change.type:
            case "BOOKMARK":
                _go_on(scope, read_version(change.object))
            case "ERROR":
                status = read_status(change.object)
                raise refusal(status.code, status)
            case _:
                _take(scope, store, scope.reader.changed(change.object), deleted=change.type == "DELETED")
    except UNREADABLE as error:
        raise ClusterUnavailable(f"the watch sent a line that cannot be read: {error}") from error


def _take(scope: Scope[T], store: Store[T], changed: T | Unreadable, *, deleted: bool) -> None:
    _go_on(scope, changed.resource_version)
    if isinstance(changed, Unreadable):
        log.warning("object_unreadable", object=changed.key, problem=changed.problem)
    if deleted or isinstance(changed, Unreadable):
        store.remove(changed.key)
    else:
        store.put(changed)


def _go_on(scope: Scope[T], version: str) -> None:
    scope.state.check_order(scope.state.version, version)
    scope.state.version = version
