"""What workers keep of rollouts, in memory: what krt.broker.rollouts does in Valkey."""

import json
from collections.abc import Mapping
from secrets import token_hex

import trio

from krt.core.event_id import EventId
from krt.core.ports import Followed
from krt.core.report import GONE, Group, Target, group_field, parse_group, target_field
from krt.core.workload import WorkloadKey
from tests.fakes.journal import LEASE_SECONDS, Stream


class FakeRollouts:
    """One worker's view."""

    def __init__(self, stream: Stream, *, group: str = "default") -> None:
        self.stream = stream
        self._name = group
        self._holder = token_hex(8)

    async def record(
        self, event: EventId, group: Group, targets: Mapping[WorkloadKey, Target], follow: Mapping[WorkloadKey, str]
    ) -> None:
        await trio.lowlevel.checkpoint()
        self._write(event, group_field(self._name), group)
        for key, target in targets.items():
            self._write(event, target_field(self._name, key), target)
        followed = self.stream.group(self._name).followed
        for key, uid in follow.items():
            if key in followed and followed[key][0] != uid:
                self._tell(key, max(followed[key][1]), GONE)
            followed.setdefault(key, (uid, set()))[1].add(event)

    async def is_open(self, event: EventId) -> bool:
        await trio.lowlevel.checkpoint()
        said = self.stream.reports.get(event, {}).get(group_field(self._name))
        return said is not None and not parse_group(said).final

    async def settle(self, event: EventId, group: Group, done: Mapping[WorkloadKey, Target]) -> None:
        await trio.lowlevel.checkpoint()
        for key, target in done.items():
            self._write(event, target_field(self._name, key), target)
            self._tell(key, event, target)
        self._write(event, group_field(self._name), group)
        if self.stream.pending(self._name).pop(event, None):
            self.stream.acknowledged.append(event)

    async def tell(self, key: WorkloadKey, upto: EventId, target: Target) -> None:
        await trio.lowlevel.checkpoint()
        self._tell(key, upto, target)

    async def followed(self) -> Mapping[WorkloadKey, Followed]:
        await trio.lowlevel.checkpoint()
        followed = self.stream.group(self._name).followed
        return {key: Followed(uid, tuple(sorted(events))) for key, (uid, events) in followed.items()}

    async def hold_lease(self) -> bool:
        await trio.lowlevel.checkpoint()
        group = self.stream.group(self._name)
        holder, until = group.follower
        if holder != self._holder and until > trio.current_time():
            return False
        group.follower = (self._holder, trio.current_time() + LEASE_SECONDS)
        return True

    async def say_alive(self) -> None:
        await trio.lowlevel.checkpoint()

    def _tell(self, key: WorkloadKey, upto: EventId, target: Target) -> None:
        followed = self.stream.group(self._name).followed
        _, events = followed.get(key, ("", set()))
        for event in [event for event in events if event <= upto]:
            self._write(event, target_field(self._name, key), target)
            if target.final:
                events.remove(event)
        if key in followed and not events:
            del followed[key]

    def _write(self, event: EventId, field: str, said: Group | Target) -> None:
        report = self.stream.reports.get(event)
        if report is None:
            return
        old, new = json.loads(report.get(field, "{}")), json.loads(said.to_json())
        if not old.get("final") and old.get("version", 0) <= new.get("version", 0):
            report[field] = said.to_json()
