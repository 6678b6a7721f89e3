"""C2 of docs/correctness.md: an event that had ended when a group of workers was made is old news to it.

Before a real Valkey; each test was seen to fail without its rule.
"""

import pytest

from krt.broker.client import Client
from krt.broker.reports import Reports
from krt.core.announce.event_id import EventId
from krt.core.report.report import Group, GroupState
from krt.core.report.target import Target, TargetState
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.workloads import FakeWorkloads
from tests.worker.accepting import KEYS, report
from tests.worker.groups import ALL, MATCHED, SHOP, TWENTY_MINUTES, Workers, a_cluster, an_event, workers
from tests.worker.workers import WEB, working

SETTLED, NO_MATCH = Group(GroupState.SETTLED, final=True), Group(GroupState.NO_MATCH, final=True)
EXPIRED, FAILED = Group(GroupState.EXPIRED, final=True), Group(GroupState.FAILED, reason="internal", final=True)
READY = Target(TargetState.READY, uid="uid-of-web")
BROKEN = Target(TargetState.FAILED, reason="timed out progressing", uid="uid-of-web")
ROLLING = Target(TargetState.PROGRESSING, uid="uid-of-web")
WOULD = Target(TargetState.WOULD_RESTART)


JOINS = {
    "all namespaces to one": (ALL, SHOP),
    "one namespace to all": (SHOP, ALL),
    "one namespace to another": (workers(KRT_NAMESPACES="blog"), SHOP),
    "a kind more": (ALL, workers(KRT_KINDS="Deployment,StatefulSet")),
    "a kind less": (workers(KRT_KINDS="Deployment,StatefulSet"), ALL),
    "opt-in asked for": (ALL, workers(KRT_REQUIRE_OPT_IN="true")),
    "opt-in given up": (workers(KRT_REQUIRE_OPT_IN="true"), ALL),
    "a cluster that joins": (ALL, workers(KRT_CLUSTER="eu")),
    "a cluster that joins with a scope": (SHOP, workers(KRT_CLUSTER="eu", KRT_NAMESPACES="shop,blog")),
}
ENDS = {
    "ready": (SETTLED, {WEB: READY}),
    "failed": (SETTLED, {WEB: BROKEN}),
    "no match": (NO_MATCH, {}),
    "expired": (EXPIRED, {}),
    "internal": (FAILED, {}),
}

joins = pytest.mark.parametrize(("before", "after"), JOINS.values(), ids=JOINS)


async def state(client: Client, entry: EventId) -> str:
    """What a job is told that asks now."""
    found = await Reports(client, KEYS).read(entry)
    assert found is not None
    return found[0].ended or "open"


async def work_off(client: Client, own: Workers) -> FakeWorkloads:
    """The workers take all that there is; the cluster as they leave it."""
    cluster, journal = a_cluster(), own.journal(client)

    async def is_done() -> bool:
        return (await journal.backlog()).unsettled == 0

    async with working(own.journal(client), own.rollouts(client), cluster):
        await until_on_trio_clock(is_done)
    return cluster


async def is_left_alone(client: Client, own: Workers, entry: EventId) -> bool:
    """Whether they restart nothing for it, and say nothing."""
    before = await report(client, entry)
    cluster = await work_off(client, own)
    return not cluster.calls and await report(client, entry) == before


async def is_restarted(client: Client, own: Workers) -> bool:
    return [patch.key for patch in (await work_off(client, own)).patches] == [WEB]


@joins
async def test_C2_an_event_that_has_ended_is_old_news_to_workers_that_join_later(client, before, after):
    """Seen to fail with every event begun, and with only what a job was told counted as its end."""
    await before.lived(client)
    entry = await an_event(client)
    await before.rollouts(client).settle(entry, SETTLED, {WEB: READY}, {})
    assert await is_left_alone(client, after, entry)
    assert await state(client, entry) == "ready"


@pytest.mark.parametrize(("group", "targets"), ENDS.values(), ids=ENDS)
async def test_C2_however_an_event_ended_it_is_old_news(client, group, targets):
    """Seen to fail with every event begun: of those that ended without a match, too, the report told a restart."""
    await ALL.lived(client)
    entry = await an_event(client)
    await ALL.rollouts(client).settle(entry, group, targets, {})
    assert await is_left_alone(client, SHOP, entry)


async def test_C2_a_dry_run_that_is_done_is_old_news(client):
    """Seen to fail with every event begun: its report told of workloads that the job had not been told of."""
    await ALL.lived(client)
    entry = await an_event(client, dry_run=True)
    await ALL.rollouts(client).settle(entry, SETTLED, {WEB: WOULD}, {})
    assert await is_left_alone(client, workers(KRT_CLUSTER="eu"), entry)


@joins
async def test_C2_an_event_that_a_job_was_told_has_ended_is_old_news_too(client, before, after):
    """The age limit of the workers before was ten minutes. Seen to fail with what a job was told passed over."""
    short = Workers(before.group, workers(KRT_MAX_EVENT_AGE="10m").presence)
    await short.lived(client, until_seconds_ago=700)
    entry = await an_event(client)
    assert await state(client, entry) == "expired"
    await client.call("DEL", KEYS.alive)  # and forgotten since
    assert await is_left_alone(client, after, entry)
    assert await state(client, entry) == "expired"


async def test_C2_an_event_that_no_job_was_told_of_expires_by_the_same_clock(client):
    """Seen to fail with every event begun."""
    short = Workers(ALL.group, workers(KRT_MAX_EVENT_AGE="10m").presence)
    await short.lived(client, until_seconds_ago=700)
    entry = await an_event(client)
    assert await is_left_alone(client, workers(KRT_CLUSTER="eu"), entry)


async def test_C2_an_event_that_ended_within_the_minute_is_old_news_too(client):
    """A rolling change of the worker's settings takes less. Seen to fail with a minute of grace."""
    await ALL.lived(client)
    entry = await an_event(client, seconds_ago=20)
    await ALL.rollouts(client).settle(entry, SETTLED, {WEB: READY}, {})
    assert await is_left_alone(client, SHOP, entry)


async def test_C2_what_is_too_old_and_has_ended_raises_no_alarm(client, caplog):
    """Seen to fail with the look at the age first: a day of events was logged and counted as expired."""
    await ALL.lived(client)
    entry = await an_event(client, seconds_ago=3 * 3600)
    await ALL.rollouts(client).settle(entry, SETTLED, {WEB: READY}, {})
    caplog.set_level("DEBUG")
    assert await is_left_alone(client, SHOP, entry)
    said = {record.message: record.levelname for record in caplog.records if record.name.startswith("krt.worker")}
    assert (said.get("event_was_over"), "event_expired" in said) == ("DEBUG", False), said


@joins
async def test_C2_an_event_that_is_open_is_news_to_workers_that_join_later(client, before, after):
    """Seen to fail with nothing begun that is older than the group."""
    await before.lived(client)
    entry = await an_event(client, seconds_ago=30)
    await before.rollouts(client).settle(entry, SETTLED, {WEB: ROLLING}, {WEB: "uid-of-web"})
    assert await is_restarted(client, after)


async def test_C2_what_silent_workers_left_undone_is_news_to_their_heirs(client):
    """Seen to fail with silent groups not waited for."""
    await ALL.lived(client, until_seconds_ago=TWENTY_MINUTES + 10)
    await an_event(client)
    assert await is_restarted(client, SHOP)


async def test_C2_workers_that_have_not_said_yet_that_they_are_there_are_heirs_all_the_same(client):
    """Else it depended on which of the two came first. Seen to fail with those alone who have said it."""
    short = Workers(ALL.group, workers(KRT_MAX_EVENT_AGE="10m").presence)
    await short.lived(client, until_seconds_ago=700)
    entry = await an_event(client)
    assert not await SHOP.rollouts(client).is_over(entry)
    assert await workers(KRT_CLUSTER="eu").rollouts(client).is_over(entry)


async def test_C2_an_event_that_nobody_took_up_is_news_to_the_first_worker_however_old(client):
    """Its own age limit decides. Seen to fail with the hour of groups that nobody ever saw."""
    await an_event(client, seconds_ago=2 * 3600)
    own = workers(KRT_MAX_EVENT_AGE="6h")
    cluster = a_cluster()
    async with working(own.journal(client), own.rollouts(client), cluster, max_event_age_seconds=6 * 3600.0):
        await until_on_trio_clock(lambda: bool(cluster.patches))


# A group that is made again


async def test_C2_a_group_that_is_made_again_leaves_alone_what_it_has_settled(client):
    """Its rollouts go on to be followed. Seen to fail with its own last word passed over.

    Nobody follows the rollout here: its end, if it were told first, would be another reason to leave the event alone.
    """
    await ALL.lived(client)
    entry = await an_event(client, seconds_ago=30)
    await ALL.journal(client).read_new(1)
    await ALL.rollouts(client).settle(entry, SETTLED, {WEB: ROLLING}, {WEB: "uid-of-web"})
    assert await client.call("DEL", KEYS.followed(ALL.group)) == 1
    await client.call("XGROUP", "DESTROY", KEYS.journal, ALL.group)
    assert not (await work_off(client, ALL)).patches


async def test_C2_a_group_that_is_made_again_ends_what_it_has_begun(client):
    """Seen to fail with everything over that its own group had a word for."""
    await ALL.lived(client)
    entry = await an_event(client)
    await ALL.journal(client).read_new(1)
    await ALL.rollouts(client).record(entry, MATCHED, {WEB: Target(TargetState.WAITING, uid="uid-of-web")}, {})
    await client.call("HSET", KEYS.report(str(entry)), "ended", "failed")  # of another cluster, say
    await client.call("XGROUP", "DESTROY", KEYS.journal, ALL.group)
    assert await is_restarted(client, ALL)


async def test_C2_a_group_that_is_made_again_begins_what_it_was_never_given(client):
    """Another cluster has ended its part. Seen to fail with the group's own word not waited for."""
    other = workers(KRT_CLUSTER="eu")
    await ALL.lived(client)
    await other.lived(client)
    entry = await an_event(client)
    await other.rollouts(client).settle(entry, NO_MATCH, {}, {})
    assert await is_restarted(client, ALL)


async def test_C2_after_a_flush_what_is_accepted_is_news(client):
    """Seen to fail with nothing begun that is older than the group."""
    cluster = a_cluster()
    async with working(ALL.journal(client), ALL.rollouts(client), cluster):
        await client.call("FLUSHALL")
        await an_event(client, seconds_ago=10)
        await until_on_trio_clock(lambda: bool(cluster.patches))


@pytest.mark.parametrize("key", [KEYS.alive, KEYS.group_made(ALL.group), "report"])
@pytest.mark.parametrize("command", [("RPUSH", "x"), ("SET", "x"), ("SET", b"\xff9")], ids=["list", "text", "bytes"])
async def test_C2_what_somebodys_hand_wrote_holds_up_no_event(client, key, command):
    """Seen to fail with the error of such a key raised, and with what is no number taken for one."""
    entry = await an_event(client, seconds_ago=30)
    await client.call("XGROUP", "CREATE", KEYS.journal, ALL.group, "0")
    name, value = command
    odd = KEYS.report(str(entry)) if key == "report" else key
    await client.call("DEL", odd)
    await client.call(name, odd, value)
    await client.call("SETNX", KEYS.group_made(ALL.group), str(entry.milliseconds + 1))
    assert await is_restarted(client, ALL)
