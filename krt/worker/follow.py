"""Follows rollouts to their end: one worker of the group reads each object's own status and tells the reports.

What is followed stands in Valkey, how far it is on the objects. Here is only what was said last, to say nothing twice.
"""

from collections.abc import Callable
from datetime import datetime

import trio

from krt.core.ports import Index, Rollouts
from krt.core.progress import Said, say
from krt.core.workload import Workload, WorkloadKey
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.bell import Bell
from krt.worker.position import LastPosition

log = Log("worker")

_LOOK_SECONDS = 1.0  # another worker's restarts are found so soon, and the lease, three times as long, renewed
_PAUSE_SECONDS = 0.1  # between two looks, however fast the objects change


class Follower:
    """The eye of one worker; it tells only while it holds the lease."""

    def __init__(
        self,
        rollouts: Rollouts,
        index: Index,
        position: LastPosition,
        *,
        deadline_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._rollouts = rollouts
        self._index = index
        self._position = position
        self._deadline_seconds = deadline_seconds
        self._now = now
        self._said: dict[WorkloadKey, Said] = {}
        self._bell = Bell()

    def changed(self, before: Workload | None, after: Workload | None) -> None:
        """A workload changed: look soon, if it is followed."""
        workload = after or before
        if workload and workload.key in self._said:
            self._bell.ring()

    async def follow(self) -> None:
        """Look whenever something may have changed, for ever."""
        while True:
            try:
                if await self._rollouts.hold_lease():
                    await self._look()
                else:
                    self._said.clear()
            except BrokerUnavailable as error:
                log.warning("rollouts_not_told", problem=error)
            await trio.sleep(_PAUSE_SECONDS)
            await self._bell.wait(_LOOK_SECONDS)

    async def _look(self) -> None:
        followed = await self._rollouts.followed()
        self._said = {key: said for key, said in self._said.items() if key in followed}
        if not followed:
            return
        position = await self._position.read()
        for key, one in followed.items():
            said = say(self._index.get(key), one, position, now=self._now(), deadline_seconds=self._deadline_seconds)
            if said and said != self._said.get(key):
                await self._tell(key, said)

    async def _tell(self, key: WorkloadKey, said: Said) -> None:
        await self._rollouts.tell(key, said.upto, said.target)
        self._said[key] = said
        if said.target.final:
            target = said.target
            log.info("rollout_ended", workload=key, state=target.state, reason=target.reason, seconds=target.seconds)
