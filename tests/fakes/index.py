"""An index that follows the fake API server with a lag, and gets bookmarks when nothing changes."""

import math

import trio

from krt.cluster.workloads.index import WorkloadIndex
from krt.core.announce.image import Repository
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Changed
from tests.fakes.workloads import FakeWorkloads


class FakeIndex:
    """Holds the present workloads. While `follow` runs, it takes in later changes, each `lag_seconds` late.

    While `stale`, it never becomes fresh. While `unlisted`, no list is complete.
    """

    def __init__(
        self, workloads: FakeWorkloads, *, lag_seconds: float = 0.0, bookmark_seconds: float = math.inf
    ) -> None:
        self.heard_at = trio.current_time()
        self.stale = False
        self.unlisted = False
        self.wanted_at = -math.inf
        self._lag_seconds = lag_seconds
        self._bookmark_seconds = bookmark_seconds
        self._index = WorkloadIndex()
        for workload in workloads.objects.values():
            self._index.put(workload)
        self._changes_in, self._changes_out = trio.open_memory_channel[tuple[float, ObjectKey, Workload | None]](
            math.inf
        )
        workloads.watch(lambda key, workload: self._changes_in.send_nowait((trio.current_time(), key, workload)))

    def get(self, key: ObjectKey) -> Workload | None:
        return self._index.get(key)

    def is_listed(self, key: ObjectKey) -> bool:
        return not self.unlisted

    def lose(self, key: ObjectKey) -> None:
        """Drop a workload, without a change that explains it."""
        self._index.remove(key)

    def fresh_at(self) -> float:
        return self.heard_at

    def want_fresh(self, at: float) -> None:
        """Note the request. Bookmarks come at their own times."""
        self.wanted_at = max(self.wanted_at, at)

    def listen(self, changed: Changed) -> None:
        self._index.listen(changed)

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        return self._index.running(repository)

    async def follow(self) -> None:
        """Take in changes in their order, and bookmarks when there are none, for ever."""
        while True:
            with trio.move_on_after(self._bookmark_seconds) as until_bookmark:
                changed_at, key, workload = await self._changes_out.receive()
            if not until_bookmark.cancelled_caught:
                await trio.sleep_until(changed_at + self._lag_seconds)
                self._apply(key, workload)
            if not self.stale:
                self.heard_at = trio.current_time()

    def _apply(self, key: ObjectKey, workload: Workload | None) -> None:
        if workload:
            self._index.put(workload)
        else:
            self._index.remove(key)
