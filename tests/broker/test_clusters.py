"""The clusters that meet at one Valkey: seen, and forgotten with all that their workers left."""

import pytest

from krt.broker.clusters import Forgotten, claim_name, forget, seen_clusters
from krt.broker.reports import Reports
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.report.conclusion import state_of
from krt.core.report.report import EventState, Group, GroupState
from krt.core.report.target import Target, TargetState
from tests.fakes.keys import a_key
from tests.worker.accepting import KEYS, a_journal, accept, some_rollouts

WEB = a_key("Deployment", "shop", "web")
WAITING = Target(TargetState.WAITING, uid="u1")
OLD, OLD_TOO, LIVING = "old:1", "old:2", "default:1"


async def lived(client, group: str, *, ago: int) -> None:
    now = int((await client.call("TIME"))[0])
    await client.call("HSET", KEYS.alive, group, f"{now - 5000} {now - ago} 0 {{}}")


async def worked(client, group: str) -> None:
    """Workers of the group have read an event, follow a rollout and hold their leases."""
    await claim_name(client, KEYS, group.partition(":")[0], ClusterIdentity("identity"), replace=True)
    [delivered] = await a_journal(client, group=group).read_new(1)
    rollouts = some_rollouts(client, group=group)
    await rollouts.record(delivered.id, Group(GroupState.MATCHED), {WEB: WAITING}, {WEB: "u1"})
    await rollouts.hold_lease()


async def keys_of(client, group: str) -> set[str]:
    return {key.decode() for key in await client.call("KEYS", f"*{group}")}


async def groups(client) -> set[str]:
    return {fields[1].decode() for fields in await client.call("XINFO", "GROUPS", KEYS.journal)}


async def test_every_group_that_was_seen_is_told_with_the_time(client):
    await lived(client, OLD, ago=100)
    await lived(client, LIVING, ago=0)
    seen = await seen_clusters(client, KEYS)
    assert set(seen.groups) == {OLD, LIVING}
    assert [seen.is_silent(group) for group in (OLD, LIVING)] == [True, False]


async def test_where_no_worker_ever_was_there_is_none(client):
    assert (await seen_clusters(client, KEYS)).groups == {}


async def test_a_forgotten_cluster_leaves_nothing_and_others_everything(client):
    await accept(client)
    for group in (OLD, OLD_TOO, LIVING):
        await lived(client, group, ago=61)
        await worked(client, group)
    before = await keys_of(client, LIVING)
    assert before
    assert await forget(client, KEYS, "old") is Forgotten.YES
    assert set((await seen_clusters(client, KEYS)).groups) == {LIVING}
    assert await groups(client) == {LIVING}
    assert await keys_of(client, OLD) == await keys_of(client, OLD_TOO) == set()
    assert await keys_of(client, LIVING) == before
    assert await client.call("EXISTS", KEYS.cluster("old")) == 0
    assert await client.call("EXISTS", KEYS.cluster("default")) == 1


async def test_T4_an_event_waits_for_a_forgotten_cluster_no_more(client):
    """Seen to fail with its record kept."""
    await lived(client, OLD, ago=100)
    await lived(client, LIVING, ago=0)
    event = await accept(client)
    await worked(client, OLD)
    await some_rollouts(client, group=LIVING).settle(event, Group(GroupState.NO_MATCH, final=True), {}, {})
    report, seen = await Reports(client, KEYS).read(event)
    assert state_of(report, seen) is EventState.ROLLING
    assert await forget(client, KEYS, "old") is Forgotten.YES
    report, seen = await Reports(client, KEYS).read(event)
    assert state_of(report, seen) is EventState.NO_MATCH


async def test_a_cluster_whose_workers_live_is_not_forgotten(client):
    """It would only come back, and read the journal of a day again."""
    await lived(client, OLD, ago=100)
    await lived(client, OLD_TOO, ago=59)
    assert await forget(client, KEYS, "old") is Forgotten.ALIVE
    assert set((await seen_clusters(client, KEYS)).groups) == {OLD, OLD_TOO}


async def test_a_cluster_that_has_left_is_forgotten_at_once(client):
    await accept(client)
    rollouts = some_rollouts(client, group=OLD)
    await rollouts.say_alive()
    await worked(client, OLD)
    assert await forget(client, KEYS, "old") is Forgotten.ALIVE
    assert await rollouts.leave()
    assert await forget(client, KEYS, "old") is Forgotten.YES
    assert await client.call("EXISTS", KEYS.alive) == 0


@pytest.mark.parametrize("name", ["other", "", "ol", "old:1", ".*", "OLD"])
async def test_a_cluster_that_nobody_knows_cannot_be_forgotten(client, name):
    await lived(client, OLD, ago=100)
    assert await forget(client, KEYS, name) is Forgotten.UNKNOWN
    assert set((await seen_clusters(client, KEYS)).groups) == {OLD}


async def test_a_name_that_was_claimed_and_never_used_can_be_forgotten(client):
    await claim_name(client, KEYS, "old", ClusterIdentity("identity"), replace=False)
    assert await forget(client, KEYS, "old") is Forgotten.YES
    assert await forget(client, KEYS, "old") is Forgotten.UNKNOWN


async def test_what_is_no_sighting_can_be_forgotten(client):
    await client.call("HSET", KEYS.alive, OLD, "x")
    assert await forget(client, KEYS, "old") is Forgotten.YES
    assert await client.call("HLEN", KEYS.alive) == 0
