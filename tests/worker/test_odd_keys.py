"""C5 of docs/correctness.md: whatever stands in a key of krt's, and whatever its size or type, holds up no event.

Before a real Valkey, with a whole worker.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio

from krt.broker.client import Client
from krt.broker.clusters import claim_name, seen_clusters
from krt.broker.recent import RecentReports
from krt.broker.reports import Reports
from krt.core.announce.event_id import EventId
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.ports.channel import ChannelMessage, Signal
from krt.errors import IdempotencyKeyAlreadyUsed, SettingsInvalid, TokenAlreadyUsed
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.values import an_envelope
from tests.worker.accepting import KEYS, a_use, accept, an_acceptor
from tests.worker.groups import ALL, MATCHED, a_cluster, an_event, workers
from tests.worker.workers import RULES, WEB, foreign, journaled, working

MEGABYTES = "x" * 3_000_000
DEEP = "[" * 100_000

AT_ONCE = replace(RULES, min_interval_seconds=0.0)

Put = Callable[[Client, str], Awaitable[None]]


async def a_list(client: Client, key: str) -> None:
    await client.call("RPUSH", key, "x")


async def a_text(client: Client, key: str) -> None:
    await client.call("SET", key, "x")


async def a_large_text(client: Client, key: str) -> None:
    await client.call("SET", key, MEGABYTES)


async def a_set(client: Client, key: str) -> None:
    await client.call("SADD", key, *map(str, range(1000)))


async def a_stream(client: Client, key: str) -> None:
    await client.call("XADD", key, "1-1", "f", "v")


async def a_large_value(client: Client, key: str) -> None:
    await client.call("HSET", key, "default:00000000", MEGABYTES)


async def a_large_name(client: Client, key: str) -> None:
    await client.call("HSET", key, MEGABYTES, "x")


async def many_large_values(client: Client, key: str) -> None:
    for number in range(250):
        await client.call("HSET", key, f"target/a/Deployment/shop/{number}", "y" * 12_000)


async def many_fields(client: Client, key: str) -> None:
    for start in range(0, 60_000, 1000):
        fields = [part for number in range(start, start + 1000) for part in (f"group/{number}:x", "1 2 3 {}")]
        await client.call("HSET", key, *fields)


async def junk(client: Client, key: str) -> None:
    for start in range(0, 300_000, 10_000):
        fields = [part for number in range(start, start + 10_000) for part in (f"junk{number}", "x")]
        await client.call("HSET", key, *fields)


async def tiny_fields(client: Client, key: str) -> None:
    for first in range(45):
        names = (bytes([first, second, third]) for second in range(45) for third in range(45))
        await client.call("HSET", key, *(part for name in names for part in (name, "")))


async def deep_json(client: Client, key: str) -> None:
    await client.call("HSET", key, f"group/{ALL.group}", DEEP, ALL.group, f"1 2 3 {DEEP}")


ODD = (
    a_list,
    a_text,
    a_large_text,
    a_set,
    a_stream,
    a_large_value,
    a_large_name,
    many_large_values,
    many_fields,
    junk,
    tiny_fields,
    deep_json,
)
ONE_KEY = {
    "alive": KEYS.alive,
    "followed": KEYS.followed(ALL.group),
    "follower": KEYS.follower(ALL.group),
    "adopter": KEYS.adopter,
    "group-made": KEYS.group_made(ALL.group),
    "journal-name": KEYS.journal_name,
}

odd = pytest.mark.parametrize("put", ODD, ids=lambda put: put.__name__)


async def is_told(client: Client, entry: EventId) -> bool:
    """Whether the job hears that its event is in hand, or that it has ended."""
    found = await Reports(client, KEYS).read(entry)
    return found is not None and any(group.state != "waiting" for group in found[0].groups.values())


@odd
@pytest.mark.parametrize("key", ONE_KEY.values(), ids=ONE_KEY)
async def test_C5_what_stands_in_a_key_of_krts_holds_up_no_event(client, key, put):
    """Seen to fail with what is of another type or too large raised as an error of Valkey's."""
    cluster = a_cluster()
    old = await an_event(client, seconds_ago=30)  # one for which it is asked when the group was made
    await client.call("XGROUP", "CREATE", KEYS.journal, ALL.group, "0")
    await client.call("DEL", key)
    await put(client, key)
    say, heard = trio.open_memory_channel[Signal](9)
    async with working(ALL.journal(client), ALL.rollouts(client), cluster, signals=heard, rules=AT_ONCE):
        await until_on_trio_clock(lambda: len(cluster.patches) >= 1)
        new = await accept(client)
        await say.send(ChannelMessage(journaled()))
        await until_on_trio_clock(lambda: len(cluster.patches) >= 2)
        await say.send(ChannelMessage(foreign()))
        await until_on_trio_clock(lambda: len(cluster.patches) >= 3)
        await until_on_trio_clock(lambda: _are_held(client))
    for entry in (old, new):
        assert await is_told(client, entry)
    assert len((await RecentReports(client, KEYS).read()).newest) == 3
    assert ALL.group in (await seen_clusters(client, KEYS)).groups


@odd
@pytest.mark.parametrize("age_seconds", [30, 4000], ids=["in time", "too old"])
async def test_C5_what_stands_in_a_report_holds_up_no_other_event(client, put, age_seconds):
    """Seen to fail as above."""
    cluster = a_cluster()
    old = await an_event(client, seconds_ago=age_seconds)
    await client.call("DEL", KEYS.report(str(old)))
    await put(client, KEYS.report(str(old)))
    async with working(ALL.journal(client), ALL.rollouts(client), cluster):
        new = await accept(client)
        await until_on_trio_clock(lambda: len(cluster.patches) >= 1)

        async def is_new_told() -> bool:
            return await is_told(client, new)

        await until_on_trio_clock(is_new_told)
        await until_on_trio_clock(lambda: _is_settled(client))
    assert (await RecentReports(client, KEYS).read()).newest
    await Reports(client, KEYS).read(old)


async def _are_held(client: Client) -> bool:
    """Whether a worker has the leases: the one that adopts, and the one that tells how rollouts go on."""
    holders = [await client.call("GET", key) for key in (KEYS.adopter, KEYS.follower(ALL.group))]
    return all(holder is not None and len(holder) == 16 for holder in holders)


async def _is_settled(client: Client) -> bool:
    return (await ALL.journal(client).backlog()).unsettled == 0


@pytest.mark.parametrize("put", [a_list, a_set, a_stream, a_large_text, many_fields], ids=lambda put: put.__name__)
async def test_C1_an_odd_record_of_the_clusters_name_is_told_and_may_be_replaced(client, put):
    """Seen to fail with the worker waiting for ever for what is no text."""
    own = ClusterIdentity("u1")
    await put(client, KEYS.cluster("default"))
    with trio.fail_after(slack(0.5)), pytest.raises(SettingsInvalid, match="cannot be read"):
        await claim_name(client, KEYS, "default", own, replace=False)
    await claim_name(client, KEYS, "default", own, replace=True)
    await claim_name(client, KEYS, "default", own, replace=False)


RECORDS = pytest.mark.parametrize(
    "put", [a_list, a_set, a_stream, many_fields, a_large_text], ids=lambda put: put.__name__
)


@RECORDS
async def test_C5_an_odd_record_of_a_token_refuses_that_token_and_no_other(client, put):
    """Nobody knows whether an event was accepted for it. Seen to fail with 503 for as long as the key was there."""
    await put(client, KEYS.token(a_use("t-1").token))
    for _ in range(2):
        with pytest.raises(TokenAlreadyUsed):
            await accept(client, "t-1")
    assert await client.call("XLEN", KEYS.journal) == 0
    assert await accept(client, "t-2")


@RECORDS
async def test_C5_an_odd_record_of_an_idempotency_key_refuses_that_key_and_no_other(client, put):
    """Seen to fail as above."""
    acceptor, envelope = an_acceptor(client), an_envelope()
    await put(client, KEYS.retry(a_use(key="k-1").retry or ""))
    for token in ("t-1", "t-2"):
        with pytest.raises(IdempotencyKeyAlreadyUsed):
            await acceptor.accept(envelope, a_use(token, key="k-1"))
    assert await client.call("XLEN", KEYS.journal) == 0
    first = await acceptor.accept(envelope, a_use("t-1", key="k-2"))
    again = await acceptor.accept(envelope, a_use("t-3", key="k-2"))
    assert (again.id, again.again) == (first.id, True)


@RECORDS
async def test_C5_an_odd_record_of_an_adopted_message_is_overwritten(client, put):
    """Seen to fail with the message kept for a minute, and then lost: each call on the key failed."""
    journal, envelope = ALL.journal(client), an_envelope()
    assert await journal.hold_lease()
    await put(client, KEYS.adopted(envelope.request_id))
    entry = await journal.adopt(envelope)
    assert entry is not None
    assert await journal.adopt(envelope) == entry
    assert (await client.call("GET", KEYS.adopted(envelope.request_id))).decode() == str(entry)


async def test_C5_a_workload_is_followed_for_as_many_events_as_there_are(client):
    """Each has its id there. Seen to fail with the ids cut like any other value: nobody followed the workload again."""
    rollouts, events = ALL.rollouts(client), [EventId(1_700_000_000_000 + number, 0) for number in range(1300)]
    for event in events:
        await rollouts.record(event, MATCHED, {}, {WEB: "u1"})
    (followed,) = await rollouts.followed()
    assert followed.events == tuple(events)


async def test_C5_of_too_many_events_of_one_workload_the_oldest_is_given_up(client):
    """Seen to fail with ids that are only ever added: the field was larger than an answer in the end."""
    rollouts = ALL.rollouts(client)
    ids = " ".join(f"{1_700_000_000_000 + number}-0" for number in range(8192))  # as much as there may be
    await client.call("HSET", KEYS.followed(ALL.group), "Deployment/shop/web/u1", ids)
    newest = EventId(1_800_000_000_000, 0)
    await rollouts.record(newest, MATCHED, {}, {WEB: "u1"})
    (followed,) = await rollouts.followed()
    assert followed.events[-1] == newest
    assert followed.events[0] == EventId(1_700_000_000_001, 0)


@pytest.mark.parametrize("put", [junk, many_fields, many_large_values, a_large_value], ids=lambda put: put.__name__)
async def test_T4_a_cluster_that_died_is_waited_for_whatever_stands_beside_it(client, put):
    """Seen to fail with nothing read of more groups than there can be, and all of them forgotten."""
    dead = workers(KRT_CLUSTER="eu")
    await dead.lived(client, until_seconds_ago=300)
    await put(client, KEYS.alive)
    await ALL.rollouts(client).say_alive()
    assert {dead.group, ALL.group} <= (await seen_clusters(client, KEYS)).groups.keys()
    entry = await accept(client)
    found = await Reports(client, KEYS).read(entry)
    assert found is not None
    assert dead.group in found[1].groups
