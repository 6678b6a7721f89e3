"""What a worker keeps in Valkey of rollouts: which are followed for which events, and what is said of them."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import cast

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.report_scripts import ALIVE, RECORD, SETTLE, TELL
from krt.broker.scripts import LEASE
from krt.core import event_id as event_ids
from krt.core.event_id import EventId
from krt.core.ports import Followed
from krt.core.report import GONE, Group, Target, group_field, parse_group, target_field
from krt.core.workload import WorkloadKey

_LEASE_MILLISECONDS = 3000


class Rollouts:
    """One worker's view. Every call raises BrokerUnavailable."""

    def __init__(self, client: Client, keys: Keys, *, group: str) -> None:
        self._client = client
        self._keys = keys
        self._group = group
        self._holder = token_hex(8)
        self._where = (keys.report(""), keys.reports_channel)

    async def record(
        self, event: EventId, group: Group, targets: Mapping[WorkloadKey, Target], follow: Mapping[WorkloadKey, str]
    ) -> None:
        """Write what is about to be done for an event, and follow these workloads (by uid) for it."""
        said = {group_field(self._group): group.to_json()}
        said |= {target_field(self._group, key): target.to_json() for key, target in targets.items()}
        flat = [part for field in said.items() for part in field]
        followed = [part for key, uid in follow.items() for part in (_name(key), uid, target_field(self._group, key))]
        keys = [self._keys.report(str(event)), self._keys.followed(self._group)]
        await self._client.eval_script(
            RECORD, keys, [str(event), *self._where, GONE.to_json(), len(said), *flat, *followed]
        )

    async def is_open(self, event: EventId) -> bool:
        """Whether a worker of this group has recorded the event, and none has settled it."""
        said = await self._client.call("HGET", self._keys.report(str(event)), group_field(self._group))
        return said is not None and not parse_group(cast("bytes", said).decode()).final

    async def settle(self, event: EventId, group: Group, done: Mapping[WorkloadKey, Target]) -> None:
        """Write the outcome and acknowledge: nobody of the group gets the entry again. `done` is followed no more."""
        keys = [self._keys.journal, self._keys.report(str(event)), self._keys.followed(self._group)]
        ended = [
            p for key, target in done.items() for p in (_name(key), target_field(self._group, key), target.to_json())
        ]
        own: list[str] = [self._group, str(event), *self._where, group_field(self._group), group.to_json()]
        await self._client.eval_script(SETTLE, keys, [*own, *ended])

    async def tell(self, key: WorkloadKey, upto: EventId, target: Target) -> None:
        """Say how a rollout goes on, for every followed event up to one; with the last word, follow it no more."""
        said: list[str | int] = [
            _name(key),
            str(upto),
            target_field(self._group, key),
            target.to_json(),
            int(target.final),
        ]
        await self._client.eval_script(TELL, [self._keys.followed(self._group)], [*said, *self._where])

    async def followed(self) -> dict[WorkloadKey, Followed]:
        """What the workers of this group follow."""
        reply = cast("Sequence[bytes]", await self._client.call("HGETALL", self._keys.followed(self._group)))
        texts = [part.decode() for part in reply]
        return {_key(name): _followed(text) for name, text in zip(texts[::2], texts[1::2], strict=True)}

    async def hold_lease(self) -> bool:
        """Whether this worker is the one that tells; renewed by asking."""
        keys = [self._keys.follower(self._group)]
        return await self._client.eval_script(LEASE, keys, [self._holder, _LEASE_MILLISECONDS]) == 1

    async def say_alive(self) -> None:
        """Events wait for the clusters whose workers say this."""
        await self._client.eval_script(ALIVE, [self._keys.alive], [self._group])


def _name(key: WorkloadKey) -> str:
    return "/".join(key)


def _key(name: str) -> WorkloadKey:
    return WorkloadKey(*name.split("/"))


def _followed(text: str) -> Followed:
    uid, *ids = text.split()
    return Followed(uid, tuple(sorted(event_ids.parse(one) for one in ids)))
