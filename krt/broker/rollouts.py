"""A worker's data about rollouts in Valkey: reports, followed workloads, and the time when its group was last alive."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import token_hex
from typing import TypeVar, cast

import msgspec

from krt.broker.client import Client
from krt.broker.connection import Reply
from krt.broker.keys import Keys
from krt.broker.mend import mended
from krt.broker.pages import read_hash
from krt.broker.report_scripts import ALIVE, FOLLOWED, LEAVE, RECORD, SAID, SETTLE, STANDINGS, TELL
from krt.broker.reports import read_report
from krt.broker.script import Script
from krt.broker.scripts import LEASE
from krt.core.announce import event_id as event_ids
from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey, read_key, spell_key
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.conclusion import is_over_for
from krt.core.report.presence import DAY_SECONDS, Presence
from krt.core.report.report import Group, Standing
from krt.core.report.report_fields import (
    group_field,
    parse_group,
    parse_target,
    target_field,
    to_json,
    to_json_list,
    warnings_field,
)
from krt.core.report.target import Target

T = TypeVar("T")

_LEASE_MILLISECONDS = 3000
_FOLLOWED_MILLISECONDS = 48 * 3600 * 1000  # twice as long as any report; expires by itself if no worker comes back


class ValkeyRollouts:
    """Implements `krt.core.ports.rollouts.Rollouts` for one worker, in Valkey.

    Every call may raise BrokerUnavailable.
    """

    def __init__(self, client: Client, keys: Keys, *, group: str, presence: Presence | None = None) -> None:
        self._client = client
        self._keys = keys
        self._group = group
        self._presence = presence or Presence()
        self._holder = token_hex(8)

    async def record(
        self, event: EventId, group: Group, targets: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write into the report what the group is about to do for an event, and follow workloads for the event.

        `follow` has the workloads to follow, each with its uid.
        """
        said = {group_field(self._group): to_json(group), **self._said(targets)}
        flat = [part for field in said.items() for part in field]
        keys = [self._keys.report(str(event)), self._keys.followed(self._group)]
        own: list[str | int] = [str(event), self._keys.reports_channel, _FOLLOWED_MILLISECONDS, len(said)]
        await self._script(RECORD, keys, [*own, *flat, *(_name(key, uid) for key, uid in follow.items())])

    async def is_open(self, event: EventId) -> bool:
        """Whether a worker of this group has recorded the event, and none has settled it."""
        said = await self._script(SAID, [self._keys.report(str(event))], [group_field(self._group)])
        return said is not None and not parse_group(_text(said)).final

    async def is_over(self, event: EventId) -> bool:
        """For an event that is older than this group: whether the group need not act.

        It need not if it has settled the event, or if it has not begun the event and the event has ended.
        """
        found = await read_report(self._client, self._keys, event)
        if found is None:
            return False
        report, seen = found
        return is_over_for(report, seen.and_now(self._group, self._presence), self._group)

    async def settle(
        self, event: EventId, group: Group, done: Mapping[ObjectKey, Target], follow: Mapping[ObjectKey, str]
    ) -> None:
        """Write the outcome into the report and acknowledge the entry: no worker of the group gets it again.

        `done` has a target for each of the event's workloads, and `follow` the uid of each whose rollout is followed.
        Both are complete, because a failover of Valkey may have lost what `record` wrote. A state that has become final
        meanwhile stays.
        """
        said = {**self._said(done), group_field(self._group): to_json(group)}
        own: list[str | int] = [self._group, str(event), self._keys.reports_channel, _FOLLOWED_MILLISECONDS, len(said)]
        keys = [self._keys.journal, self._keys.report(str(event)), self._keys.followed(self._group)]
        names = [(target_field(self._group, key), _name(key, uid)) for key, uid in follow.items()]
        pairs = [*said.items(), *names]
        await self._script(SETTLE, keys, [*own, *(part for pair in pairs for part in pair)])

    async def tell(self, followed: FollowedWorkload, target: Target) -> int:
        """Write a followed workload's state into the reports of its events. Returns the number of reports that changed.

        If the state is final, the workload is not followed any more for those of the events whose report has it now.
        """
        said: list[str | int] = [
            _name(followed.key, followed.uid),
            followed.uid,
            target_field(self._group, followed.key),
            to_json(target),
            int(target.final),
            self._keys.report(""),
            self._keys.reports_channel,
            *map(str, followed.events),
        ]
        return cast("int", await self._script(TELL, [self._keys.followed(self._group)], said))

    async def followed(self) -> tuple[FollowedWorkload, ...]:
        """The workloads that this group follows."""
        kept = await self._mended(lambda: read_hash(self._client, self._keys.followed(self._group), FOLLOWED))
        found = (_followed(name, ids) for name, ids in kept.items())
        return tuple(one for one in found if one)

    async def standings(self, followed: FollowedWorkload) -> Mapping[EventId, Standing]:
        """For each of the workload's events, the standing of the workload in the event's report.

        Empty if the workload is by now also followed for an event that `followed` does not list.
        """
        fields = [group_field(self._group), target_field(self._group, followed.key)]
        name = _name(followed.key, followed.uid)
        found: list[tuple[int, bytes, bytes]] = []
        while (first := len(found)) < len(followed.events):
            arguments: list[str | int] = [name, self._keys.report(""), *fields, first, *map(str, followed.events)]
            reply = await self._script(STANDINGS, [self._keys.followed(self._group)], arguments)
            if not reply:
                return {}
            found += cast("Sequence[tuple[int, bytes, bytes]]", reply)
        return {event: _standing(*said) for event, said in zip(followed.events, found, strict=True)}

    async def hold_lease(self) -> bool:
        """Take or renew the lease for reporting rollouts. Returns whether this worker holds it."""
        keys = [self._keys.follower(self._group)]
        return await self._script(LEASE, keys, [self._holder, _LEASE_MILLISECONDS]) == 1

    async def say_alive(self) -> None:
        """Write that the group is alive now, so that events wait for what the group reports."""
        await self._script(ALIVE, [self._keys.alive], self._presence_said(self._presence))

    async def leave(self) -> bool:
        """Write that this worker stops in an orderly way. Returns whether it was the last of its group.

        A group whose last worker stopped so has left: later events do not wait for it.
        """
        said = self._presence_said(msgspec.structs.replace(self._presence, left=True))
        return await self._script(LEAVE, [self._keys.alive], said) == 1

    def _presence_said(self, presence: Presence) -> list[str | int]:
        return [self._group, int(DAY_SECONDS), presence.to_json(), self._holder]

    async def _script(self, script: Script, keys: list[str], arguments: Sequence[str | int]) -> Reply:
        return await self._mended(lambda: self._client.eval_script(script, keys, arguments))

    async def _mended(self, ask: Callable[[], Awaitable[T]]) -> T:
        followed, follower = self._keys.followed(self._group), self._keys.follower(self._group)
        return await mended(self._client, {followed: "hash", follower: "string", self._keys.alive: "hash"}, ask)

    def _said(self, targets: Mapping[ObjectKey, Target]) -> dict[str, str]:
        said = {target_field(self._group, key): to_json(target) for key, target in targets.items()}
        odd = {key: target.warnings for key, target in targets.items() if target.warnings}
        return {warnings_field(self._group, key): to_json_list(warnings) for key, warnings in odd.items()} | said


def _name(key: ObjectKey, uid: str) -> str:
    return f"{spell_key(key)}/{uid}"


def _followed(name: str, ids: str) -> FollowedWorkload | None:
    """The followed workload of one field; None if somebody wrote the field by hand."""
    parts = name.split("/")
    try:
        events = tuple(sorted(event_ids.parse(one) for one in ids.split()))
    except ValueError:
        return None
    return FollowedWorkload(read_key(*parts[:3]), parts[3], events) if len(parts) == 4 and events else None


def _standing(exists: int, group: bytes, target: bytes) -> Standing:
    """The standing of an event in one report. An event whose report is gone counts as settled."""
    settled = not exists or (bool(group) and parse_group(_text(group)).final)
    return Standing(settled, parse_target(_text(target)) if target else None)


def _text(part: object) -> str:
    return cast("bytes", part).decode(errors="replace")
