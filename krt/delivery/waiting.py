"""Waits until objects are current, or gone, by watches.

A watch has one kind in one namespace. If krt waits for a single object there, the watch names it, so that a role that
names its objects (`resourceNames`) suffices. Only if krt may not watch objects, it reads them every two seconds.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial

import trio

from krt.cluster import objects
from krt.cluster.metadata import ObjectVersion, bare_reader, whole_reader
from krt.cluster.objects import Body
from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.selection import EVERYTHING, Selection
from krt.cluster.transport import Transport
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import text_at
from krt.core.kube.kstatus import status_of
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_status import ObjectState, ObjectStatus
from krt.core.kube.resource import Resource
from krt.core.report.action import Action, ObjectChange
from krt.core.report.target import TargetState
from krt.delivery.progress import Progress
from krt.delivery.run import Run
from krt.errors import ClusterError, ClusterUnavailable, NotThere
from krt.logs import Log

log = Log("delivery")

MOST_WATCHES = 16  # at a time, each on a connection of its own
_ASKING_SECONDS = 2.0  # between two rounds, where krt may not watch
_CLAIM = ("", "PersistentVolumeClaim")

# Called with an object that has become current, as it is then.
Ended = Callable[[ObjectKey, Body], None]


@dataclass(frozen=True, slots=True)
class Awaited:
    """An object that krt waits for: its resource, and its body as the last call returned it."""

    key: ObjectKey
    resource: Resource
    body: Body


class _Waiting:
    """A store that keeps no object, but judges each version of those that are awaited."""

    def __init__(self, awaited: list[Awaited], progress: Progress) -> None:
        self.left = {each.key: each.resource for each in awaited}
        self.failed = trio.Event()
        self.changed = trio.Event()
        self._uids = {each.key: text_at(each.body, "metadata", "uid") for each in awaited}
        self._progress = progress

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self.left

    def put(self, version: ObjectVersion, /) -> None:
        if resource := self.left.get(version.key):
            # The API server leaves both out of the objects of a list.
            typed = {"apiVersion": resource.api_version, "kind": resource.kind}
            self.judge(version.key, version.body | typed)

    def remove(self, key: ObjectKey) -> None:
        if key in self.left:
            self.vanish(key)

    def retain(self, resource: Resource, namespace: str | None, keys: Container[ObjectKey]) -> None:
        for key in [key for key, of in self.left.items() if of == resource and (key.namespace or None) == namespace]:
            if key not in keys:
                self.vanish(key)

    def judge(self, key: ObjectKey, body: Body) -> None:
        raise NotImplementedError

    def vanish(self, key: ObjectKey) -> None:
        raise NotImplementedError

    def deny(self, key: ObjectKey, problem: str) -> None:
        raise NotImplementedError

    def has_uid(self, key: ObjectKey, body: Body) -> bool:
        return text_at(body, "metadata", "uid") == self._uids[key]

    def drop(self, key: ObjectKey) -> None:
        del self.left[key]
        self.changed.set()
        self.changed = trio.Event()


class UntilCurrent(_Waiting):
    """Ends with the first object that has failed, or when all are current. `classes` are StorageClasses by name.

    After a failure no version counts any more. A Deployment may go on after its progressDeadlineSeconds, and the next
    version may come before the watch has ended.
    """

    def __init__(self, awaited: list[Awaited], progress: Progress, classes: Mapping[str, Body], ended: Ended) -> None:
        super().__init__(awaited, progress)
        self._classes, self._ended = classes, ended

    def judge(self, key: ObjectKey, body: Body) -> None:
        """Put the object's status into the report."""
        if self.failed.is_set():
            return
        status = status_of(body, storage_class=self._classes.get(text_at(body, "spec", "storageClassName")))
        say(self._progress, key, status)
        if status.state is ObjectState.FAILED:
            self.failed.set()
        elif status.state is ObjectState.CURRENT:
            self._ended(key, body)
            self.drop(key)

    def vanish(self, key: ObjectKey) -> None:
        """Somebody has deleted the object."""
        self.deny(key, "somebody has deleted it while krt waited for it")

    def deny(self, key: ObjectKey, problem: str) -> None:
        """The object cannot be waited for."""
        if not self.failed.is_set():
            self._progress.say(key, Action.APPLY, TargetState.FAILED, problem)
            self.failed.set()


class UntilEnded(_Waiting):
    """Ends when no Job runs any more: each is complete, has failed, is suspended or gone."""

    def judge(self, key: ObjectKey, body: Body) -> None:
        """Note how far the Job is."""
        status = status_of(body)
        if status.state is ObjectState.IN_PROGRESS:
            reason = f"the version before still runs: {status.reason}"
            self._progress.say(key, Action.APPLY, TargetState.PROGRESSING, reason)
        else:
            self.drop(key)

    def vanish(self, key: ObjectKey) -> None:
        """The Job is gone."""
        self.drop(key)

    def deny(self, key: ObjectKey, problem: str) -> None:
        """krt cannot see the Job."""
        self._progress.say(key, Action.APPLY, TargetState.FAILED, f"the version before may still run; {problem}")
        self.failed.set()


class UntilGone(_Waiting):
    """Ends when all objects are gone. An object of another uid is another object."""

    def judge(self, key: ObjectKey, body: Body) -> None:
        """Tell why the object is still there."""
        if not self.has_uid(key, body):
            self.vanish(key)
            return
        self._progress.say(key, Action.DELETE, TargetState.PROGRESSING, status_of(body).reason)

    def vanish(self, key: ObjectKey) -> None:
        """The object is gone."""
        self._progress.say(key, Action.DELETE, TargetState.READY, change=ObjectChange.DELETED)
        self.drop(key)

    def deny(self, key: ObjectKey, problem: str) -> None:
        """krt cannot see whether the object is gone. Its deletion has begun all the same."""
        self._progress.say(key, Action.DELETE, TargetState.FAILED, f"its deletion has begun; {problem}")
        self.drop(key)


@dataclass(slots=True)
class _Watching:
    """The parts that the watches of one wait share. `note` gets one line for people if krt may not watch something."""

    transport: Transport
    waiting: _Waiting
    note: Callable[[str], None]
    limiter: trio.CapacityLimiter
    has_noted: bool = False

    def note_denied(self, scope: Scope[ObjectVersion]) -> None:
        if not self.has_noted:
            rest = f"it asks every {_ASKING_SECONDS:g} s instead"
            self.note(f"krt may not watch {scope}: {scope.state.problem}; {rest}")
        self.has_noted = True


def say(progress: Progress, key: ObjectKey, status: ObjectStatus) -> None:
    """Put the status of an applied object into the report."""
    states = {ObjectState.CURRENT: TargetState.READY, ObjectState.FAILED: TargetState.FAILED}
    progress.say(key, Action.APPLY, states.get(status.state, TargetState.PROGRESSING), status.reason)


async def until_current(run: Run, awaited: list[Awaited], ended: Ended) -> bool:
    """Wait until all are current. Returns False as soon as one has failed."""
    waiting = UntilCurrent(awaited, run.progress, await _storage_classes(run, awaited), ended)
    for each in awaited:
        waiting.judge(each.key, each.body)
    await _watch(run.transport, waiting, run.progress.tell)
    return not waiting.failed.is_set()


async def until_ended(run: Run, awaited: list[Awaited]) -> bool:
    """Wait until no Job of these runs any more. Returns False as soon as krt cannot see whether one does."""
    waiting = UntilEnded(awaited, run.progress)
    for each in awaited:
        waiting.judge(each.key, each.body)
    await _watch(run.transport, waiting, run.progress.tell)
    return not waiting.failed.is_set()


async def until_gone(
    transport: Transport, progress: Progress, awaited: list[Awaited], note: Callable[[str], None]
) -> None:
    """Wait until all are gone. `note` gets a line if krt may not watch them."""
    await _watch(transport, UntilGone(awaited, progress), note)


async def _watch(transport: Transport, waiting: _Waiting, note: Callable[[str], None]) -> None:
    groups: dict[tuple[Resource, str | None], list[ObjectKey]] = {}
    for key, resource in waiting.left.items():
        groups.setdefault((resource, key.namespace or None), []).append(key)
    watching = _Watching(transport, waiting, note, trio.CapacityLimiter(MOST_WATCHES))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_at, waiting.failed, nursery.cancel_scope)
        async with trio.open_nursery() as watches:
            for (resource, namespace), keys in groups.items():
                watches.start_soon(_watch_group, watching, resource, namespace, keys)
        nursery.cancel_scope.cancel()


async def _cancel_at(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _watch_group(watching: _Watching, resource: Resource, namespace: str | None, keys: list[ObjectKey]) -> None:
    """Watch until none of `keys` is awaited any more; ask for them if krt may not watch them."""
    selection = Selection(name=keys[0].name) if len(keys) == 1 else EVERYTHING
    reader = bare_reader if resource == SECRET else whole_reader  # a Secret's values are of no use here
    scope, waiting = Scope(reader(resource), namespace, selection=selection), watching.waiting
    async with watching.limiter, trio.open_nursery() as nursery:
        nursery.start_soon(partial(reflect, scope, watching.transport, waiting))
        nursery.start_soon(_ask_once_denied, watching, scope, keys)
        while any(key in waiting for key in keys):
            await waiting.changed.wait()
        nursery.cancel_scope.cancel()


async def _ask_once_denied(watching: _Watching, scope: Scope[ObjectVersion], keys: list[ObjectKey]) -> None:
    await scope.state.denied.wait()
    watching.note_denied(scope)
    while True:
        for key in keys:
            if key in watching.waiting:
                await _ask(watching, scope, key)
        await trio.sleep(_ASKING_SECONDS)


async def _ask(watching: _Watching, scope: Scope[ObjectVersion], key: ObjectKey) -> None:
    waiting = watching.waiting
    tell: Callable[[], None]
    try:
        body = await objects.read(watching.transport, scope.resource, key)
    except NotThere:
        tell = partial(waiting.vanish, key)
    except ClusterUnavailable:
        return  # it is asked for again
    except ClusterError as error:
        tell = partial(waiting.deny, key, f"krt may neither watch nor read it: {error}")
    else:
        tell = partial(waiting.judge, key, body)
    if key in waiting:  # a watch that is allowed again may have seen its end meanwhile
        tell()


async def _storage_classes(run: Run, awaited: list[Awaited]) -> dict[str, Body]:
    """The StorageClasses of the claims, as far as krt may read them."""
    names = {text_at(each.body, "spec", "storageClassName") for each in awaited if each.key[:2] == _CLAIM}
    resource, found = await run.discovery.find("storage.k8s.io", "StorageClass"), dict[str, Body]()
    for name in names - {""}:
        try:
            found[name] = await objects.read(run.transport, resource, resource.key("", name))
        except ClusterError as error:  # then krt also waits for a claim whose class waits for a consumer
            log.info("storage_class_unread", name=name, problem=error)
    return found
