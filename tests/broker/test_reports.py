"""Reports as web reads them, before a real Valkey."""

import pytest
import trio

from krt.broker import pages
from krt.broker.report_scripts import END
from krt.broker.reports import Reports
from krt.core.announce.event_id import EventId
from krt.core.report.conclusion import state_of
from krt.core.report.report import ENDED, EventState, Group, GroupState
from krt.core.report.target import Target, TargetState
from krt.errors import BrokerUnavailable
from tests.fakes.keys import a_key
from tests.worker.accepting import GROUP, KEYS, accept, some_rollouts

WEB = a_key("Deployment", "shop", "web")
MATCHED, SETTLED = Group(GroupState.MATCHED), Group(GroupState.SETTLED, final=True)
READY = Target(TargetState.READY, version=7)


@pytest.fixture
def reports(client) -> Reports:
    return Reports(client, KEYS)


async def state(reports: Reports, event: EventId) -> EventState:
    found = await reports.read(event)
    assert found
    return state_of(*found)


async def end(client, event: EventId, target: Target = READY, group: str = GROUP) -> None:
    """The workers of a cluster have done with the event."""
    await some_rollouts(client, group=group).settle(event, SETTLED, {WEB: target}, {})


async def was_alive(client, group: str, *, from_ago: float, to_ago: float = 0.0) -> None:
    now = int((await client.call("TIME"))[0])
    await client.call("HSET", KEYS.alive, group, f"{now - from_ago:.0f} {now - to_ago:.0f} 0 {{}}")


async def test_there_is_no_report_of_an_event_that_never_was(reports):
    assert await reports.read(EventId(1, 0)) is None


async def test_a_report_begins_with_what_was_accepted(client, reports):
    event = await accept(client)
    report, seen = await reports.read(event)
    assert (report.id, report.event["image"], report.groups, report.targets) == (event, "ghcr.io/acme/shop", {}, {})
    assert report.event["repository"] == "acme/shop"
    assert abs(seen.now - report.accepted_at) < 5
    assert seen.groups == {}


async def test_T4_an_event_waits_for_the_clusters_that_were_alive_before_it(client, reports):
    """Seen to fail with what is known of the clusters left out of READ."""
    await was_alive(client, GROUP, from_ago=1000)
    await was_alive(client, "eu:1", from_ago=1000, to_ago=100)
    event = await accept(client)
    await end(client, event)
    assert await state(reports, event) is EventState.ROLLING
    await end(client, event, group="eu:1")
    assert await state(reports, event) is EventState.READY


async def test_T1_the_final_state_that_was_told_first_stays(client, reports):
    """A cluster that joins, one that is forgotten or comes back: nothing moves it. Seen to fail without END."""
    event = await accept(client)
    await end(client, event)
    assert await state(reports, event) is EventState.READY
    await some_rollouts(client, group="eu:1").record(event, MATCHED, {WEB: Target(TargetState.WAITING)}, {})
    await was_alive(client, "eu:1", from_ago=1000)
    assert await state(reports, event) is EventState.READY
    assert await client.call("HGET", KEYS.report(str(event)), ENDED) == b"ready"


async def test_what_is_not_final_is_not_kept(client, reports):
    event = await accept(client)
    assert await state(reports, event) is EventState.ACCEPTED
    assert await client.call("HEXISTS", KEYS.report(str(event)), ENDED) == 0


async def test_two_that_read_at_once_are_told_the_same(client, reports):
    event = await accept(client)
    await end(client, event)
    found = []

    async def read() -> None:
        found.append(await state(reports, event))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(read)
    assert found == [EventState.READY] * 5


async def test_of_two_that_come_to_different_ends_at_once_the_first_one_counts(client):
    """Seen to fail with the later one written over it."""
    event = await accept(client)
    key = KEYS.report(str(event))
    assert await client.eval_script(END, [key], [ENDED, EventState.EXPIRED]) == b"expired"
    assert await client.eval_script(END, [key], [ENDED, EventState.READY]) == b"expired"
    assert await client.eval_script(END, [KEYS.report("1-0")], [ENDED, EventState.READY]) == b"ready"
    assert await client.call("EXISTS", KEYS.report("1-0")) == 0


async def test_a_valkey_that_takes_nothing_more_keeps_nobody_from_reading(client, reports):
    """Seen to fail with BrokerUnavailable let through."""
    event = await accept(client)
    await end(client, event)
    await client.call("CONFIG", "SET", "maxmemory", "1")
    assert await state(reports, event) is EventState.READY
    await client.call("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize("text", ["", "x", "1795176000", "1 2 3", "nan inf 0 {}", b"\xff\xfe", "1 2 3 []"])
async def test_what_stands_for_a_cluster_and_is_nothing_breaks_no_report(client, reports, text):
    event = await accept(client)
    await client.call("HSET", KEYS.alive, "odd:1", text)
    await end(client, event)
    assert await state(reports, event) is EventState.READY


async def test_a_report_without_a_valkey_is_unavailable(client, valkey, reports):
    event = await accept(client)
    await valkey.stop()
    with pytest.raises(BrokerUnavailable):
        await reports.read(event)


async def test_a_hash_that_is_cut_says_what_is_lost_and_what_to_do(client, monkeypatch, caplog):
    """Seen to fail with the key and the number of its fields alone."""
    monkeypatch.setattr(pages, "_MOST_FIELDS", 100)
    foreign = [part for number in range(5000) for part in (f"n{number}", "x" * 100)]
    await client.call("HSET", KEYS.report("1-1"), *foreign)
    assert 100 < len(await pages.read_hash(client, KEYS.report("1-1"))) < 5000
    [line] = [record for record in caplog.records if record.message == "hash_cut"]
    assert "reports may lack workloads" in line.fields["problem"]
    assert "remove the fields that krt did not write" in line.fields["problem"]
