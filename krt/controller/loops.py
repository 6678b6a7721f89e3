"""One task for each object: it reconciles the newest state of that object, again after a failure, and now and then.

A few reconcile at a time. A run that becomes outdated is cancelled: the newest state wins.
"""

import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, TypeVar

import trio

from krt.controller.documents import Documents, KeptDocument
from krt.errors import ClusterError
from krt.logs import Log
from krt.sources.errors import SourceUnavailable

log = Log("controller")

AT_ONCE = 4
FIRST_SECONDS, MOST_SECONDS = 1.0, 300.0
_LOOK_SECONDS = (540.0, 660.0)
_STIR_SECONDS = 0.3  # a rollout changes its objects dozens of times: one look for all changes of this time


class Next(Enum):
    """What follows a run: a full look in ten minutes, another attempt after a pause, or the end of the task."""

    LOOK = auto()
    RETRY = auto()
    END = auto()


K = TypeVar("K", bound=Hashable)
D = TypeVar("D", bound=KeptDocument)

# Reconciles the object of this key. Raises ClusterError and SourceUnavailable, which count as RETRY.
Reconcile = Callable[[K], Awaitable[Next]]


class Turns:
    """A few runs at a time. A run that only waits gives its turn away meanwhile."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._limiter = trio.CapacityLimiter(at_once)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """The block runs within a turn."""
        async with self._limiter:
            yield

    @asynccontextmanager
    async def given_away(self) -> AsyncIterator[None]:
        """The block, within `taken` and in the same task, runs without the turn."""
        self._limiter.release()
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):
                await self._limiter.acquire()


@dataclass(slots=True)
class _Task:
    """`scope` is that of the present run. `is_news`: another wish came; `is_stirred`: its objects have changed."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    changed: trio.Event = field(default_factory=trio.Event)
    is_news: bool = False
    is_stirred: bool = False
    is_settled: bool = False
    failures: int = 0
    pause_seconds: float = 0.0


class Loops(Generic[K]):
    """The tasks of the objects of one kind, which `kind` names in the log. Each object has a key, such as its name."""

    def __init__(
        self,
        kind: str,
        nursery: trio.Nursery,
        turns: Turns,
        reconcile: Reconcile[K],
        repair: Reconcile[K] | None = None,
    ) -> None:
        """`repair` is run instead of `reconcile` when something stirs while an attempt waits after a failure."""
        self._kind, self._nursery, self._turns = kind, nursery, turns
        self._reconcile, self._repair = reconcile, repair
        self._tasks: dict[K, _Task] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def retrying(self) -> int:
        """How many objects wait for another attempt."""
        return sum(task.failures > 0 for task in self._tasks.values())

    def is_settled(self, key: K) -> bool:
        """Whether the object's last run has ended well, and nothing has changed since."""
        task = self._tasks.get(key)
        return task is not None and task.is_settled and not task.changed.is_set()

    def wake(self, key: K) -> None:
        """The object itself has changed: its run begins anew at once."""
        if (task := self._tasks.get(key)) is None:
            self._tasks[key] = task = _Task()
            self._nursery.start_soon(self._keep, key, task)
            return
        task.is_news = True
        task.scope.cancel()
        task.changed.set()

    def nudge(self, key: K) -> None:
        """Something that the object needs has changed: its run goes on to its end, and another follows at once."""
        if (task := self._tasks.get(key)) is None:
            self.wake(key)
            return
        task.is_news = True
        task.changed.set()

    def stir(self, key: K) -> None:
        """Something about its objects has changed: look again soon. While an attempt waits, only repair them."""
        if task := self._tasks.get(key):
            task.is_stirred = True
            if task.is_settled or self._repair:
                task.changed.set()

    async def _keep(self, key: K, task: _Task) -> None:
        while True:
            following = await self._run(key, task)
            if task.is_news:
                task.failures = 0
            elif following is Next.END:
                del self._tasks[key]
                return
            else:
                await self._rest(key, task, following)

    async def _run(self, key: K, task: _Task) -> Next:
        task.is_news = task.is_stirred = task.is_settled = False
        task.changed, task.scope = trio.Event(), trio.CancelScope()
        with task.scope:
            async with self._turns.taken():
                return await self._guarded(key, task, self._reconcile)
        return Next.RETRY  # cancelled, because there is news

    async def _guarded(self, key: K, task: _Task, run: Reconcile[K]) -> Next:
        task.pause_seconds = 0.0
        try:
            return await run(key)
        except (ClusterError, SourceUnavailable) as error:
            log.warning("reconcile_failed", kind=self._kind, name=str(key), problem=error)
            task.pause_seconds = error.retry_after_seconds
            return Next.RETRY

    async def _rest(self, key: K, task: _Task, following: Next) -> None:
        task.is_settled = following is Next.LOOK
        task.failures = 0 if task.is_settled else task.failures + 1
        seconds = random.uniform(*_LOOK_SECONDS) if task.is_settled else _pause(task)  # noqa: S311 - spreads load
        if task.is_settled and task.is_stirred:
            task.changed.set()
        with trio.move_on_after(seconds):
            await self._changed(key, task)
        if task.is_stirred and not task.is_news:
            await trio.sleep(_STIR_SECONDS)
        task.failures = 0 if task.is_news else task.failures

    async def _changed(self, key: K, task: _Task) -> None:
        """Return when another run shall follow."""
        await task.changed.wait()
        while self._repair and not (task.is_settled or task.is_news):
            task.changed = trio.Event()
            await trio.sleep(_STIR_SECONDS)
            async with self._turns.taken():
                await self._guarded(key, task, self._repair)
            await task.changed.wait()


def _pause(task: _Task) -> float:
    """From 1 s to 5 min, at least what the server asks for, with a jitter of a fifth."""
    longest = min(FIRST_SECONDS * 2.0 ** min(task.failures - 1, 60), MOST_SECONDS)
    asked = min(task.pause_seconds, MOST_SECONDS) if math.isfinite(task.pause_seconds) else 0.0
    return max(longest, asked) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


def keep_awake(loops: Loops[str], documents: Documents[D], wish: Callable[[D], object]) -> Callable[[], None]:
    """Wake the loop of each document, and again when its `wish` is another one, until the returned function is called.

    A document whose wish is the same has another status only, which krt itself has written.
    """

    def changed(name: str, before: D | None, after: D | None) -> None:
        if before is None or after is None or wish(before) != wish(after):
            loops.wake(name)

    stop = documents.listen(changed)
    for name in documents.names():
        loops.wake(name)
    return stop
