"""The workloads that wait for their restart: one record each, however many events name them."""

from dataclasses import dataclass

import trio

from krt.core.outcome import Superseded
from krt.core.workload import Workload, WorkloadKey
from krt.worker.entry import Entry
from krt.worker.restart import Restarter

_NEW_HELD = 64  # workloads whose task is not started yet; whoever adds more waits a moment


@dataclass(frozen=True, slots=True)
class _Wanted:
    workload: Workload
    entry: Entry


class Waiting:
    """Settles workloads, each by a task of its own, so that none delays another.

    Bounded by the number of workloads times one: a newer event takes an older one's place, whose share is settled then.
    """

    def __init__(self, restarter: Restarter) -> None:
        self._restarter = restarter
        self._wanted: dict[WorkloadKey, _Wanted] = {}
        self._new_in, self._new_out = trio.open_memory_channel[WorkloadKey](_NEW_HELD)

    def __len__(self) -> int:
        return len(self._wanted)

    async def want(self, workload: Workload, entry: Entry) -> None:
        """Ask for a restart of a match. The entry hears of its end by `settle`."""
        key = workload.key
        before = self._wanted.get(key)
        if before and before.entry.id >= entry.id:
            entry.settle(key, Superseded(before.entry.id))
            return
        self._wanted[key] = _Wanted(workload, entry)
        if before:
            before.entry.settle(key, Superseded(entry.id))
        else:
            await self._new_in.send(key)

    async def work_off(self) -> None:
        """Settle what is asked for, for ever."""
        async with trio.open_nursery() as nursery:
            async for key in self._new_out:
                nursery.start_soon(self._settle, key, name=f"restart {key}")

    async def _settle(self, key: WorkloadKey) -> None:
        while wanted := self._wanted.get(key):
            outcome = await self._restarter.settle(wanted.workload, wanted.entry)
            if self._wanted[key] is wanted:
                del self._wanted[key]
            wanted.entry.settle(key, outcome)
