"""T3 of docs/correctness.md after a failover: whatever run of calls the new primary has never seen, the report ends."""

from collections.abc import Awaitable, Callable
from itertools import combinations
from typing import Any, cast

import pytest

from krt.broker.client import Client
from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.conclusion import state_of
from krt.core.report.presence import Seen
from krt.core.report.report import Group, GroupState
from krt.core.report.target import LAST, Target, TargetState
from tests.broker.outcomes import MATCHED, SETTLED, progressing, read, ready
from tests.fakes.keys import a_key
from tests.worker.accepting import GROUP, KEYS, a_journal, accept, pending, some_rollouts

RESTARTED, LEFT, REFUSED, SKIPPED, LATE = (
    a_key("Deployment", "shop", name) for name in ("restarted", "left", "refused", "skipped", "late")
)
UIDS = {RESTARTED: "u1", LEFT: "u2", REFUSED: "u3"}
RECORDED = {key: Target(TargetState.WAITING, uid=uid) for key, uid in UIDS.items()} | {
    SKIPPED: Target(TargetState.SKIPPED, "another tag")
}
OUTCOMES = RECORDED | {
    RESTARTED: progressing(7),
    REFUSED: Target(TargetState.FAILED, "422", version=LAST),
    LATE: progressing(5, "u5"),
}
FOLLOW = {RESTARTED: "u1", LEFT: "u2", LATE: "u5"}
ENDS = {RESTARTED: ready(9), LEFT: ready(9, "u2"), LATE: ready(9, "u5"), REFUSED: OUTCOMES[REFUSED]}


class Business:
    """One event from its acceptance to its end, call by call; LEFT is left to a newer event's restart."""

    def __init__(self, client: Client, event: EventId) -> None:
        self.event = event
        self._rollouts = some_rollouts(client)
        self._journal = a_journal(client)

    async def take(self) -> None:
        await self._journal.read_new(10)

    async def record(self) -> None:
        await self._rollouts.record(self.event, MATCHED, RECORDED, UIDS)

    async def record_late(self) -> None:
        await self._rollouts.record(self.event, MATCHED, {LATE: Target(TargetState.WAITING, uid="u5")}, {LATE: "u5"})

    async def tell_progress(self) -> None:
        await self._rollouts.tell(FollowedWorkload(RESTARTED, "u1", (self.event,)), progressing(8))

    async def settle(self) -> None:
        await self._rollouts.settle(self.event, SETTLED, OUTCOMES, FOLLOW)

    async def tell_ends(self) -> None:
        """As the follower does at each look: whatever is followed."""
        for one in await self._rollouts.followed():
            await self._rollouts.tell(one, ENDS[one.key])

    def calls(self) -> list[Callable[[], Awaitable[None]]]:
        return [self.take, self.record, self.record_late, self.tell_progress, self.settle, self.tell_ends]


async def kept(client: Client) -> dict[bytes, bytes]:
    """All that Valkey holds, as a replica has it."""
    keys = cast("list[bytes]", await client.call("KEYS", "*"))
    return {key: cast("bytes", await client.call("DUMP", key)) for key in keys}


async def fail_over(client: Client, replica: dict[bytes, bytes]) -> None:
    """The replica is the primary now."""
    await client.call("FLUSHALL")
    for key, dump in replica.items():
        await client.call("RESTORE", key, 0, dump)


@pytest.mark.parametrize(("lost_from", "lost_to"), list(combinations(range(7), 2)))
async def test_T3_a_report_ends_whatever_run_of_calls_a_failover_has_lost(client, lost_from, lost_to):
    """Each run of calls from one to any later one. Seen to fail with SETTLE writing the outcomes alone (8 of 21)."""
    business = Business(client, await accept(client))
    replica: dict[bytes, bytes] = {}
    for number, call in enumerate([*business.calls(), business.tell_ends]):
        if number == lost_from:
            replica = await kept(client)
        if number == lost_to:
            await fail_over(client, replica)
        await call()
    if not (await read(client, business.event)).groups.get(GROUP, Group(GroupState.WAITING)).final:
        for call in business.calls():  # its entry is delivered again
            await call()
    await business.tell_ends()
    report = await read(client, business.event)
    said = {key: target.state for (_, key), target in report.targets.items()}
    good = dict.fromkeys((RESTARTED, LEFT, LATE), "ready")
    assert said == good | {REFUSED: "failed", SKIPPED: "skipped"}
    assert report.groups == {GROUP: SETTLED}
    assert await some_rollouts(client).followed() == ()


async def test_T3_what_has_ended_before_its_event_is_settled_is_not_followed_again(client):
    """Seen to fail with SETTLE following without a look at the report."""
    business = Business(client, await accept(client))
    for call in (business.take, business.record, business.record_late, business.tell_ends, business.settle):
        await call()
    assert await some_rollouts(client).followed() == ()
    assert await pending(client) == 0


async def test_T3_an_event_whose_acceptance_is_lost_leaves_nothing_behind(client):
    """Its report is gone with it. Seen to fail with SETTLE making a report of its own."""
    business = Business(client, EventId(1795176000000, 0))
    await accept(client)
    await business.settle()
    assert await some_rollouts(client).followed() == ()
    assert await client.call("EXISTS", KEYS.report(str(business.event))) == 0


def many(count: int) -> dict[ObjectKey, str]:
    return {a_key("Deployment", "shop", f"web-{number:05}"): f"u-{number}" for number in range(count)}


async def told(client: Client, count: int, *, unfinished: int = 0, failed: int = 0) -> tuple[EventId, Any]:
    """An event of so many workloads, the last of which do not end well: all others are ready."""
    rollouts, event, follow = some_rollouts(client), await accept(client), many(count)
    await a_journal(client).read_new(10)
    group = Group(GroupState.MATCHED, workloads=count)
    waiting = {key: Target(TargetState.WAITING, uid=uid) for key, uid in follow.items()}
    await rollouts.record(event, group, waiting, follow)
    restarted = {key: progressing(7, uid) for key, uid in follow.items()}
    await rollouts.settle(event, Group(GroupState.SETTLED, workloads=count, final=True), restarted, follow)
    for number, (key, uid) in enumerate(follow.items()):
        if number < count - unfinished:
            bad = Target(TargetState.FAILED, "no", uid=uid, version=8)
            is_bad = number >= count - unfinished - failed
            await rollouts.tell(FollowedWorkload(key, uid, (event,)), bad if is_bad else ready(8, uid))
    return event, rollouts


@pytest.mark.parametrize("count", [999, 1000, 1001, 1005, 2500])
async def test_T1_an_event_is_ready_when_all_of_its_workloads_are(client, count):
    """Seen to fail with the first thousand followed: ready with five that never rolled out."""
    event, rollouts = await told(client, count, unfinished=5)
    report = await read(client, event)
    assert state(report) == "rolling"
    assert sum(not target.final for target in report.targets.values()) == 5
    for one in await rollouts.followed():
        await rollouts.tell(one, ready(9, one.uid))
    report = await read(client, event)
    assert state(report) == "ready"
    assert len(report.targets) <= 1000


async def test_T1_what_fails_is_told_however_many_workloads_there_are(client):
    """Seen to fail with failed ones folded, too."""
    event, _ = await told(client, 1500, failed=3, unfinished=2)
    report = await read(client, event)
    bad = sorted(key.name for (_, key), target in report.targets.items() if target.state != "ready")
    assert bad == [f"web-{number:05}" for number in range(1495, 1500)]
    assert state(report) == "failed"


async def test_T1_a_report_whose_workloads_are_all_folded_says_ready_and_not_no_match(client):
    """The other cluster's thousand fields fill the report. Seen to fail without `done`."""
    event, rollouts = await told(client, 1001)
    skipped = {key: Target(TargetState.SKIPPED, "another tag") for key in many(1000)}
    others = some_rollouts(client, group="eu:1")
    await others.settle(event, Group(GroupState.SETTLED, final=True), skipped, {})
    for (_, key), target in (await read(client, event)).targets.items():
        if target.state == "ready":
            await client.call("HDEL", KEYS.report(str(event)), f"target/{GROUP}/Deployment/shop/{key.name}")
    await rollouts.say_alive()
    assert state(await read(client, event)) == "ready"


def state(report: Any) -> str:
    """Of the group that took it up."""
    return state_of(report, Seen({}, report.accepted_at + 1))
