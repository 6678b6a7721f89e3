"""The workers' records of rollouts, in memory. It does what krt.broker.rollouts does in Valkey."""

from collections.abc import Mapping
from secrets import token_hex

import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.conclusion import is_over_for
from krt.core.report.presence import Presence, Seen
from krt.core.report.report import Group, Standing
from krt.core.report.report_fields import (
    group_field,
    parse,
    parse_group,
    parse_target,
    target_field,
    to_json,
    to_json_list,
    warnings_field,
)
from krt.core.report.target import Target
from tests.fakes.journal import LEASE_SECONDS, Stream


class FakeRollouts:
    """The records as one worker uses them."""

    def __init__(self, stream: Stream, *, group: str = "default") -> None:
        self.stream = stream
        self._name = group
        self._holder = token_hex(8)

    async def record(
        self, event: EventId, group: Group, targets: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        await trio.lowlevel.checkpoint()
        self._write_group(event, group)
        for key, target in targets.items():
            self._write(event, key, target)
            if target.warnings and event in self.stream.reports:
                self.stream.reports[event][warnings_field(self._name, key)] = to_json_list(target.warnings)
        for name in follow.items():
            self._followed.setdefault(name, set()).add(event)

    async def is_open(self, event: EventId) -> bool:
        await trio.lowlevel.checkpoint()
        said = self.stream.reports.get(event, {}).get(group_field(self._name))
        return said is not None and not parse_group(said).final

    async def is_over(self, event: EventId) -> bool:
        await trio.lowlevel.checkpoint()
        report = self.stream.reports.get(event)
        seen = Seen(self.stream.alive, self.stream.now()).and_now(self._name, Presence())
        return report is not None and is_over_for(parse(event, report), seen, self._name)

    async def settle(
        self, event: EventId, group: Group, done: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        await trio.lowlevel.checkpoint()
        for key, target in done.items():
            self._write(event, key, target)
        for name in follow.items():
            standing = self._target(event, name[0])
            if standing and not standing.final:
                self._followed.setdefault(name, set()).add(event)
        self._write_group(event, group)
        if self.stream.pending(self._name).pop(event, None):
            self.stream.acknowledged.append(event)

    async def tell(self, followed: FollowedWorkload, target: Target) -> int:
        await trio.lowlevel.checkpoint()
        name = (followed.key, followed.uid)
        told = self._followed.get(name, set()) & set(followed.events)
        changed = 0
        for event in told:
            standing = self._target(event, followed.key)
            if standing is None or standing.uid in ("", followed.uid):
                changed += self._write(event, followed.key, target)
        if target.final:
            ended = {event for event in told if not self._goes_on(event, followed)}
            self._followed[name] = self._followed.get(name, set()) - ended
        if not self._followed.get(name):
            self._followed.pop(name, None)
        return changed

    async def followed(self) -> tuple[FollowedWorkload, ...]:
        await trio.lowlevel.checkpoint()
        return tuple(FollowedWorkload(*name, tuple(sorted(events))) for name, events in self._followed.items())

    async def standings(self, followed: FollowedWorkload) -> Mapping[EventId, Standing]:
        await trio.lowlevel.checkpoint()
        if self._followed.get((followed.key, followed.uid), set()) - set(followed.events):
            return {}
        return {
            event: Standing(self._is_settled(event), self._target(event, followed.key)) for event in followed.events
        }

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
        self.stream.say_alive(self._name)

    async def leave(self) -> bool:
        await trio.lowlevel.checkpoint()
        return True

    @property
    def _followed(self) -> dict[tuple[ObjectKey, str], set[EventId]]:
        return self.stream.group(self._name).followed

    def _goes_on(self, event: EventId, followed: FollowedWorkload) -> bool:
        standing = self._target(event, followed.key)
        return standing is not None and not standing.final and standing.uid in ("", followed.uid)

    def _is_settled(self, event: EventId) -> bool:
        report = self.stream.reports.get(event)
        return report is None or parse_group(report.get(group_field(self._name), "{}")).final

    def _target(self, event: EventId, key: ObjectKey) -> Target | None:
        said = self.stream.reports.get(event, {}).get(target_field(self._name, key))
        return parse_target(said) if said else None

    def _write(self, event: EventId, key: ObjectKey, new: Target) -> bool:
        report, old = self.stream.reports.get(event), self._target(event, key)
        if report is None or old == new or (old and not old.may_become(new.state)):
            return False
        if old and old.uid in ("", new.uid) and old.version > new.version:
            return False
        report[target_field(self._name, key)] = to_json(new)
        return True

    def _write_group(self, event: EventId, new: Group) -> None:
        report = self.stream.reports.get(event)
        if report is not None and not parse_group(report.get(group_field(self._name), "{}")).final:
            report[group_field(self._name)] = to_json(new)
