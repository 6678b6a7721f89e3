"""The workloads that wait for a restart: one record for each workload, however many events match it."""

import math

import trio

from krt.core.kube.object_key import ObjectKey
from krt.core.restart.matching import Match
from krt.core.restart.outcome import Covered, Failed, Outcome, Restarted, Unmatched
from krt.logs import Log
from krt.worker.entry import Entry
from krt.worker.record import Recorder
from krt.worker.restart import Restarter

log = Log("worker")


class Waiting:
    """Restarts workloads, each in a task of its own, so that none delays another.

    The number of workloads bounds the number of records. If a newer event wants a workload that waits, the newer event
    replaces the older one, and the workload is settled as superseded for the older one.
    """

    def __init__(self, restarter: Restarter, recorder: Recorder) -> None:
        self._restarter = restarter
        self._recorder = recorder
        self._wanted: dict[ObjectKey, Entry] = {}
        self._seen: dict[ObjectKey, Match] = {}
        # A key is in the channel at most once, until its task starts: never more keys than workloads.
        self._new_in, self._new_out = trio.open_memory_channel[ObjectKey](math.inf)

    def __len__(self) -> int:
        return len(self._wanted)

    def want(self, match: Match, entry: Entry) -> None:
        """Ask for the restart of a matched workload that the caller has noted by `entry.want`.

        Its outcome goes to `entry.settle`. If a newer event waits for the workload already, the entry is settled as
        superseded at once.
        """
        key = match.workload.key
        before = self._wanted.get(key)
        if before and before.id > entry.id and not before.dropped:
            entry.supersede(key, before)
            return
        self._wanted[key], self._seen[key] = entry, match
        if before is None:
            self._new_in.send_nowait(key)
        elif before is not entry:
            before.supersede(key, entry)

    async def work_off(self) -> None:
        """Run a task for each wanted workload. Never returns."""
        async with trio.open_nursery() as nursery:
            async for key in self._new_out:
                nursery.start_soon(self._settle, key, name=f"restart {key}")

    async def _settle(self, key: ObjectKey) -> None:
        while True:
            entry, seen = self._wanted[key], self._seen[key]
            outcome: Outcome | None = None
            if not entry.dropped:
                outcome = await self._attempt(seen, entry)
            newest = self._wanted[key]
            if isinstance(outcome, Unmatched) and self._seen[key] is not seen:
                continue  # this object is gone or matches no more, but a newer match has come meanwhile: try that one
            if newest is entry or _covers(outcome, newest):
                del self._wanted[key], self._seen[key]
                if outcome:
                    newest.settle(key, outcome)
                return

    async def _attempt(self, seen: Match, entry: Entry) -> Outcome:
        try:
            await self._recorder.record_late_match(entry, seen)
            return await self._restarter.settle(seen.workload, entry.intent, accepted_at=entry.accepted_at)
        except Exception as error:  # noqa: BLE001 - C5: a bug that one event meets ends the handling of that event only
            log.error("restart_crashed", workload=seen.workload.key, event_id=entry.id, exception=error)
            return Failed("internal")


def _covers(outcome: Outcome | None, entry: Entry) -> bool:
    return isinstance(outcome, Restarted | Covered) and outcome.by >= entry.id
