"""Follows rollouts to their end: the one worker that holds a lease writes each object's status into the reports.

The list of followed workloads is in Valkey, and each object shows how far its rollout is. This module remembers only
the last state that it wrote, the last time at which it read a workload's reports, and the time since when a workload is
missing. Another worker can start without them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.ports.rollouts import FollowedWorkload, Rollouts
from krt.core.ports.workloads import Index
from krt.core.report.report import Standing
from krt.core.report.target import Target, TargetState
from krt.core.restart.mark import JournalPosition
from krt.core.restart.progress import covers, is_behind, say, say_end, say_unheard, serves
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.worker.bell import Bell
from krt.worker.position import LastPosition
from krt.worker.stalls import Stalls

log = Log("worker")

_LOOK_SECONDS = 1.0  # between two looks at Valkey, for other workers' restarts and to renew the lease of three seconds
_PAUSE_SECONDS = 0.1  # between two looks, however fast the objects change
_PAUSE_TIMES = 3  # a pause is this many times as long as the look, so that a thousand rollouts do not delay restarts
_ASK_SECONDS = 5.0  # between two reads of the reports of events that no restart covers

_Name = tuple[ObjectKey, str]
_Said = tuple[tuple[EventId, ...], Target]


class Follower:
    """Writes into the reports how the followed rollouts go, while this worker holds the lease.

    `deadline_seconds` ends a rollout that does not end by itself; `now` is the wall clock, in UTC. Logs Valkey's
    outages and waits for their end; raises nothing.
    """

    def __init__(
        self,
        rollouts: Rollouts,
        index: Index,
        position: LastPosition,
        stalls: Stalls,
        *,
        deadline_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._rollouts = rollouts
        self._index = index
        self._position = position
        self._stalls = stalls
        self._deadline_seconds = deadline_seconds
        self._now = now
        self._keys: frozenset[ObjectKey] = frozenset()
        self._said: dict[_Name, _Said] = {}  # the events and the state that were written last
        self._missing: dict[_Name, float] = {}  # on Trio's clock: since when the object is missing or outdated
        self._asked: dict[_Name, float] = {}  # on Trio's clock: when its reports were read last
        self._bell = Bell()
        self._changed: set[ObjectKey] = set()  # since the last look
        self._whole_at = -math.inf  # on Trio's clock: the next look at all workloads, changed or not
        self._problem = ""

    def changed(self, before: Workload | None, after: Workload | None) -> None:
        """The index's callback: if the changed workload is followed, look soon."""
        workload = after or before
        if workload and workload.key in self._keys:
            self._changed.add(workload.key)
            self._bell.ring()

    async def follow(self) -> None:
        """Look soon after a change of a followed workload, and 2 s after the last look at the latest. Never returns."""
        while True:
            began = trio.current_time()
            try:
                with self._stalls.step("rollouts"):
                    await self._look(await self._rollouts.followed() if await self._rollouts.hold_lease() else ())
                self._problem = ""
            except BrokerUnavailable as error:
                self._whole_at = -math.inf
                self._say_problem(error)
            took_seconds = trio.current_time() - began
            await trio.sleep(min(max(_PAUSE_SECONDS, _PAUSE_TIMES * took_seconds), _LOOK_SECONDS))
            await self._bell.wait(_LOOK_SECONDS)

    async def _look(self, followed: tuple[FollowedWorkload, ...]) -> None:
        self._keys = frozenset(one.key for one in followed)
        names = {(one.key, one.uid) for one in followed}
        self._said = {name: said for name, said in self._said.items() if name in names}
        self._missing = {name: since for name, since in self._missing.items() if name in names}
        self._asked = {name: at for name, at in self._asked.items() if name in names}
        due = self._due(followed)
        position = await self._position.read() if due else None
        for one in due:
            await trio.lowlevel.checkpoint()
            if position:
                await self._look_at(one, position)

    def _due(self, followed: tuple[FollowedWorkload, ...]) -> tuple[FollowedWorkload, ...]:
        """The workloads to look at now: all once a second, otherwise those that changed or were not reported yet."""
        changed, self._changed = self._changed, set()
        if trio.current_time() >= self._whole_at:
            self._whole_at = trio.current_time() + _LOOK_SECONDS
            return followed
        return tuple(one for one in followed if one.key in changed or not self._is_reported(one))

    def _is_reported(self, one: FollowedWorkload) -> bool:
        said = self._said.get((one.key, one.uid))
        return said is not None and said[0] == one.events

    async def _look_at(self, one: FollowedWorkload, position: JournalPosition) -> None:
        workload = self._index.get(one.key)
        if workload and workload.uid == one.uid:
            position = await self._position.judging(workload, position)  # the mark may be newer than `position`
            newest = covers(workload, position, self._now()) or EventId(-1, 0)
            await self._tell_rollout(_of(one, [event for event in one.events if event <= newest]), workload)
            await self._tell_end(one, newest, workload, position)
        else:
            await self._tell_end(one, EventId(-1, 0), None, position)

    async def _tell_rollout(self, one: FollowedWorkload, workload: Workload) -> None:
        name = (one.key, one.uid)
        target = say(workload, now=self._now(), deadline_seconds=self._deadline_seconds)
        # A workload with a final state is not followed any more. If it still is, a failover has lost that state.
        if one.events and (target.final or self._said.get(name) != (one.events, target)):
            await self._tell(one, target)
            self._said[name] = (one.events, target)

    async def _tell_end(
        self, one: FollowedWorkload, newest: EventId, workload: Workload | None, position: JournalPosition
    ) -> None:
        """Write the state for the events after `newest`: no restart by krt that is still in force covers them."""
        name, now = (one.key, one.uid), trio.current_time()
        if one.events[-1] <= newest:
            self._missing.pop(name, None)
            return
        if now < self._asked.get(name, -_ASK_SECONDS) + _ASK_SECONDS:
            return
        self._asked[name] = now
        standings = await self._rollouts.standings(one)
        beyond = {event: standing for event, standing in standings.items() if event > newest}
        if not beyond:  # the workload is followed for other events by now: decide at the next look
            return
        if workload and (served := serves(workload, beyond)):
            await self._tell_served(one, *served, newest, workload)
            beyond = {event: standing for event, standing in beyond.items() if event > served[0]}
        for event, target in self._ends(name, beyond, workload, position).items():
            await self._tell(_of(one, [event]), target)

    async def _tell_served(
        self, one: FollowedWorkload, by: EventId, since: str, newest: EventId, workload: Workload
    ) -> None:
        """Write how a restart or creation by others is getting on, for the events after `newest` and up to `by`."""
        target = say(workload, now=self._now(), deadline_seconds=self._deadline_seconds, served_since=since)
        await self._tell(_of(one, [event for event in one.events if newest < event <= by]), target)

    def _ends(
        self, name: _Name, beyond: Mapping[EventId, Standing], workload: Workload | None, position: JournalPosition
    ) -> Mapping[EventId, Target]:
        now, key = trio.current_time(), name[0]
        if workload and not is_behind(workload, beyond):
            self._missing.pop(name, None)
            return say_end(workload, beyond, position, now=self._now())
        since = self._missing.setdefault(name, now)
        if workload is None and self._index.is_listed(key) and self._index.fresh_at() > since:
            # The index is fresher than the first look that missed the workload. Before that the index may only lag:
            # another worker may have matched an object that this worker's watch has not delivered yet.
            is_recreated = self._index.get(key) is not None
            return say_end(None, beyond, position, now=self._now(), is_recreated=is_recreated)
        if now - since > self._deadline_seconds:
            return say_unheard(beyond, now=self._now(), deadline_seconds=self._deadline_seconds)
        return {}

    async def _tell(self, one: FollowedWorkload, target: Target) -> None:
        if await self._rollouts.tell(one, target) and target.final:
            events = [str(event) for event in one.events]
            said = {"state": target.state, "reason": target.reason, "seconds": target.seconds, "events": events}
            say = log.warning if target.state is TargetState.FAILED else log.info
            say("rollout_ended", workload=one.key, **said)

    def _say_problem(self, error: BrokerUnavailable) -> None:
        if str(error) != self._problem:
            self._problem = str(error)
            log.warning("rollouts_not_reported", problem=error)


def _of(one: FollowedWorkload, events: list[EventId]) -> FollowedWorkload:
    return replace(one, events=tuple(events))
