"""C5 of docs/correctness.md: what has the type of a key of krt's, and cannot have been written by krt.

A name that no mark can spell, a lease that never ends, a time that is yet to come, a group ahead of its journal. Before
a real Valkey.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
import trio

from krt.broker.clusters import Forgotten, forget, seen_clusters
from krt.broker.reports import Reports
from krt.core.announce.event_id import EventId
from krt.core.ports.channel import ChannelMessage, Signal
from krt.core.report.conclusion import state_of
from krt.core.report.report import EventState, Group, GroupState
from krt.core.restart.mark import parse_mark
from krt.core.restart.times import format_time
from krt.errors import IdempotencyKeyAlreadyUsed, TokenAlreadyUsed
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.trouble import Troubled
from tests.fakes.values import an_envelope
from tests.worker.accepting import KEYS, a_journal, a_use, accept, an_acceptor, pending, some_rollouts
from tests.worker.groups import ALL, DAY, a_cluster, an_event
from tests.worker.workers import RULES, WEB, journaled, working

AT_ONCE = replace(RULES, min_interval_seconds=0.0)
FUTURE = 4_000_000_000
OWN_NAME = re.compile(r"[0-9a-f]{16}")

NAMES = {
    "no text": b"\xff\xfe",
    "two words": b"a b",
    "empty": b"",
    "short": b"0123456789abcde",
    "long": b"0123456789abcdef0",
    "capitals": b"0123456789ABCDEF",
    "a line": b"0123456789abcde\n",
    "no hex": b"0123456789abcdeg",
    "nul": b"\0" * 16,
    "megabytes": b"0" * 3_000_000,
}


def said(caplog, event: str) -> int:
    return [record.message for record in caplog.records].count(event)


@pytest.mark.parametrize("name", [*NAMES.values(), None], ids=[*NAMES, "deleted"])
async def test_C5_marks_spell_the_journals_name_whatever_stood_in_its_place(client, caplog, name):
    """Seen to fail with the name taken as it is found: a worker died of it, or wrote marks that nobody can read."""
    cluster = a_cluster()
    await accept(client)
    await (client.call("DEL", KEYS.journal_name) if name is None else client.call("SET", KEYS.journal_name, name))
    async with working(ALL.journal(client), ALL.rollouts(client), cluster, rules=AT_ONCE):
        await until_on_trio_clock(lambda: len(cluster.patches) >= 1)
    mark = parse_mark(cluster.objects[WEB].mark)
    assert mark is not None
    assert OWN_NAME.fullmatch(mark.journal)
    assert mark.journal.encode() == await client.call("GET", KEYS.journal_name)
    assert said(caplog, "journal_named_anew") == 1


async def test_J3_all_workers_agree_upon_the_new_name_and_web_keeps_it(client, caplog):
    """Seen to fail as above."""
    await accept(client)
    await client.call("SET", KEYS.journal_name, "a b")
    await accept(client, "t-2")
    names = {(await a_journal(client, group=group).position()).name for group in ("default:1", "eu:1")}
    await accept(client, "t-3")
    assert names == {(await client.call("GET", KEYS.journal_name)).decode()}
    assert said(caplog, "journal_named_anew") == 1


async def test_J3_a_name_that_krt_made_stays(client, caplog):
    """Seen to fail with a new name at each look."""
    await accept(client)
    name = (await client.call("GET", KEYS.journal_name)).decode()
    assert [(await a_journal(client).position()).name for _ in range(2)] == [name, name]
    assert said(caplog, "journal_named_anew") == 0


ENDLESS = {"no end": (), "a day": ("EX", DAY), "a little too long": ("PX", 4000), "years": ("PXAT", 9_999_999_999_999)}


@pytest.mark.parametrize("end", ENDLESS.values(), ids=ENDLESS)
async def test_C5_a_lease_that_lasts_longer_than_any_is_nobodys(client, end):
    """Seen to fail with the holder's name alone looked at: nothing was adopted and no rollout told, for ever."""
    journal, rollouts = ALL.journal(client), ALL.rollouts(client)
    for key in (KEYS.adopter, KEYS.follower(ALL.group)):
        await client.call("SET", key, "0123456789abcdef", *end)
    assert await journal.hold_lease()
    assert await rollouts.hold_lease()
    assert 0 < await client.call("PTTL", KEYS.adopter) <= 3000
    assert not await ALL.journal(client).hold_lease()
    assert not await ALL.rollouts(client).hold_lease()


NO_IDS = {"letters": b"x", "bytes": b"\xff\xfe", "empty": b"", "too large": b"9" * 25 + b"-0", "zeros": b"007-0"}


@pytest.mark.parametrize("text", NO_IDS.values(), ids=NO_IDS)
async def test_C5_what_krt_remembers_of_a_call_is_an_id_or_nothing(client, text):
    """Seen to fail with what stood there answered as the event's id: an error that nobody expects."""
    journal, envelope = ALL.journal(client), an_envelope()
    assert await journal.hold_lease()
    await client.call("SET", KEYS.adopted(envelope.request_id), text)
    entry = await journal.adopt(envelope)
    assert entry is not None
    assert await journal.adopt(envelope) == entry
    use = a_use("t-1")
    await client.call("SET", KEYS.token(use.token), use.fingerprint.encode() + b" " + text)
    with pytest.raises(TokenAlreadyUsed):
        await accept(client, "t-1")
    retried = a_use("t-2", key="k-1")
    await client.call("SET", KEYS.retry(retried.retry or ""), retried.fingerprint.encode() + b" " + text)
    with pytest.raises(IdempotencyKeyAlreadyUsed):
        await an_acceptor(client).accept(envelope, retried)


TIMES = {
    "last": f"1795950000 {FUTURE} 0",
    "first and last": f"{FUTURE} {FUTURE} 0",
    "first alone": f"{FUTURE} {{now}} 0",
    "earlier": f"1795950000 {FUTURE} {FUTURE}",
    "more than any": f"1795950000 {'9' * 400} 0",
    "five minutes": "1795950000 {ahead} 0",
}
SIGHTINGS = pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)


async def see(client, group: str, times: str) -> None:
    now = int((await client.call("TIME"))[0])
    text = times.format(now=now, ahead=now + 300)
    await client.call("HSET", KEYS.alive, group, f"{text} {ALL.presence.to_json()}")


@SIGHTINGS
async def test_T4_an_event_waits_for_a_cluster_that_was_seen_in_the_future(client, times):
    """A living one says so within half a minute, an event is not to pass over it till then. Seen to fail with what
    was first seen in the future taken as that, or as nothing."""
    await see(client, "eu:1", times)
    await some_rollouts(client).say_alive()
    entry = await accept(client)
    await some_rollouts(client).settle(entry, Group(GroupState.NO_MATCH, final=True), {}, {})
    report, seen = await Reports(client, KEYS).read(entry)
    assert "eu:1" in seen.groups
    assert state_of(report, seen) is not EventState.NO_MATCH


@SIGHTINGS
async def test_T4_what_was_seen_in_the_future_is_put_right_by_any_worker(client, times):
    """Seen to fail with each group's own workers putting right theirs alone: of a dead group nobody did."""
    await see(client, "eu:1", times)
    await some_rollouts(client).say_alive()
    now = int((await client.call("TIME"))[0])
    kept = (await client.call("HGET", KEYS.alive, "eu:1")).decode().split(" ", 3)
    assert max(map(int, kept[:3])) <= now
    assert int(kept[1]) > now - 120
    assert kept[3] == ALL.presence.to_json()


@pytest.mark.parametrize("times", [text for name, text in TIMES.items() if name != "first alone"])
@pytest.mark.parametrize("is_put_right", [False, True])
async def test_T4_a_cluster_that_was_seen_in_the_future_is_silent_and_may_be_forgotten(client, times, is_put_right):
    """Seen to fail with a time of the future taken for one that has just been: it was alive for ever."""
    await see(client, "eu:1", times)
    if is_put_right:
        await some_rollouts(client).say_alive()
    assert (await seen_clusters(client, KEYS)).is_silent("eu:1")
    assert await forget(client, KEYS, "eu") is Forgotten.YES


@SIGHTINGS
async def test_T4_a_living_cluster_puts_its_own_times_right(client, times):
    """Seen to fail with its first time kept: every event passed over it."""
    await see(client, ALL.group, times)
    await ALL.rollouts(client).say_alive()
    entry = await accept(client)
    seen = await seen_clusters(client, KEYS)
    assert not seen.is_silent(ALL.group)
    assert seen.groups[ALL.group].was_alive_in_day_before(entry.milliseconds / 1000)
    assert seen.groups[ALL.group].earlier <= seen.now
    assert await forget(client, KEYS, "default") is Forgotten.ALIVE


async def test_T4_a_worker_that_was_seen_in_the_future_keeps_no_group_from_leaving(client):
    """Seen to fail with it counted as living: its group only fell silent, with every end of its last worker."""
    rollouts = ALL.rollouts(client)
    await rollouts.say_alive()
    await client.call("HSET", KEYS.alive, f"{ALL.group}/0123456789abcdef", FUTURE)
    assert await rollouts.leave()


MADE = {
    "2096": b"4000000000000",
    "an hour ahead": b"{ahead}",
    "more than any": b"9" * 400,
    "zeros before it": b"0" * 3_000_000 + b"4000000000000",
    "a date": b"2096-10-02T07:06:40Z",
    "a part": b"1795950000000.5",
    "an exponent": b"4e12",
    "negative": b"-1",
    "infinite": b"inf",
    "no text": b"\xff\xfe",
    "empty": b"",
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
async def test_C2_a_group_whose_time_cannot_be_true_counts_as_older_than_any_event(client, made):
    """Somebody restarted the workload since the event, perhaps with older tags, and krt restarts it again, as ever.
    Seen to fail with a time of the future taken for one: then each event counts as older than the group."""
    ahead = (int((await client.call("TIME"))[0]) + 3600) * 1000
    old = await an_event(client, seconds_ago=90)
    await client.call("XGROUP", "CREATE", KEYS.journal, ALL.group, "0")
    await client.call("SET", KEYS.group_made(ALL.group), made.replace(b"{ahead}", str(ahead).encode()))
    assert await ALL.journal(client).group_made() == 0.0
    cluster = a_cluster()
    since = format_time(datetime.fromtimestamp(old.milliseconds / 1000 + 30, UTC))
    cluster.change(WEB, restarted_at=since, last_managed_at=since)
    async with working(ALL.journal(client), ALL.rollouts(client), cluster, rules=AT_ONCE):
        await until_on_trio_clock(lambda: is_settled(client, old))
    assert len(cluster.patches) == 1


async def test_C2_a_group_may_be_made_a_little_in_the_future(client):
    """Valkey's clock was ahead, and was set back. Seen to fail with every later time passed over."""
    ahead = (int((await client.call("TIME"))[0]) + 20) * 1000
    await client.call("SET", KEYS.group_made(ALL.group), ahead)
    assert await ALL.journal(client).group_made() == ahead / 1000


AHEAD = ("9999999999999-0", "9999999999999-18446744073709551615", "18446744073709551615-0", "{time}-7", "{later}-0")


@pytest.mark.parametrize("where", AHEAD)
async def test_C2_a_group_that_is_ahead_of_the_journal_is_begun_anew(client, caplog, where):
    """Seen to fail with such a group left as it is: no event was delivered, and nothing said so."""
    cluster = a_cluster()
    first = await accept(client)
    async with working(ALL.journal(client), ALL.rollouts(client), cluster, rules=AT_ONCE):
        await until_on_trio_clock(lambda: is_settled(client, first))
    made = await ALL.journal(client).group_made()
    lost = await accept(client, "t-2")
    whither = where.format(time=lost.milliseconds, later=lost.milliseconds + 60_000)
    await client.call("XGROUP", "SETID", KEYS.journal, ALL.group, whither)
    say, heard = trio.open_memory_channel[Signal](9)
    async with working(ALL.journal(client), ALL.rollouts(client), cluster, signals=heard, rules=AT_ONCE):
        await until_on_trio_clock(lambda: is_settled(client, lost))
        late = await accept(client, "t-3")
        await say.send(ChannelMessage(journaled()))
        await until_on_trio_clock(lambda: is_settled(client, late))
    assert len(cluster.patches) == 3
    assert said(caplog, "group_begun_anew") == 1
    assert await ALL.journal(client).group_made() > made


async def test_C2_what_a_group_had_settled_is_over_when_it_is_begun_anew(client, caplog):
    """Its workload was made anew meanwhile, and has no mark. Seen to fail with the time of the group left as it was."""
    caplog.set_level("DEBUG")
    cluster = a_cluster()
    await client.call("XGROUP", "CREATE", KEYS.journal, ALL.group, "0", "MKSTREAM")
    old = await an_event(client, seconds_ago=30)
    await ALL.rollouts(client).settle(old, Group(GroupState.SETTLED, final=True), {}, {})
    await client.call("XGROUP", "SETID", KEYS.journal, ALL.group, "9999999999999-0")
    async with working(ALL.journal(client), ALL.rollouts(client), cluster, rules=AT_ONCE):
        await until_on_trio_clock(lambda: said(caplog, "event_was_over") + said(caplog, "event_matched"))
    assert said(caplog, "event_was_over") == 1
    assert cluster.patches == []
    assert await pending(client, ALL.group) == 0


async def test_C3_what_is_in_the_hand_when_its_group_is_begun_anew_is_taken_once(client, caplog):
    """Seen to fail with the hand not asked: the entry was matched again."""
    caplog.set_level("INFO")
    cluster, answered = a_cluster(), trio.Event()

    async def late(_: str) -> None:
        await answered.wait()

    say, heard = trio.open_memory_channel[Signal](9)
    journal, through = ALL.journal(client), Troubled(cluster, before=late)
    async with working(journal, ALL.rollouts(client), cluster, through=through, signals=heard, rules=AT_ONCE):
        first = await accept(client)
        await say.send(ChannelMessage(journaled()))
        await until_on_trio_clock(lambda: said(caplog, "event_matched") == 1)
        await client.call("XGROUP", "SETID", KEYS.journal, ALL.group, "9999999999999-0")
        second = await accept(client, "t-2")
        await say.send(ChannelMessage(journaled()))
        await until_on_trio_clock(lambda: said(caplog, "event_matched") == 2)
        answered.set()
        for entry in (first, second):
            await until_on_trio_clock(partial(is_settled, client, entry))
    assert said(caplog, "event_matched") == 2


async def is_settled(client, entry: EventId) -> bool:
    found = await Reports(client, KEYS).read(entry)
    said = found and found[0].groups.get(ALL.group)
    return bool(said and said.final) and not await pending(client, ALL.group)
