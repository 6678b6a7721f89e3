"""J1 to J5 of docs/correctness.md, each seen to fail without its rule, before a real Valkey."""

import re
from datetime import timedelta

import pytest
import trio

from krt.broker import scripts
from krt.broker.channel import subscribe
from krt.broker.client import open_client
from krt.broker.durability import durability_problems
from krt.broker.endpoint import parse_endpoint
from krt.core.announce.event_id import EventId
from krt.core.ports.channel import ChannelMessage, Subscribed
from krt.core.restart.decide import AlreadyRestarted, RestartNow, decide
from krt.core.restart.mark import JournalPosition, parse_mark
from krt.core.restart.times import format_time
from krt.dev.valkey import open_valkey
from krt.errors import BrokerRefused, BrokerUnavailable, IdempotencyKeyAlreadyUsed, JournalFull, TokenAlreadyUsed
from krt.worker import chores
from tests.fakes.journal import FakeJournal, Stream
from tests.fakes.trouble import Troubled
from tests.fakes.values import JOURNAL, NOW, a_mark, a_workload, an_envelope, an_event
from tests.worker.accepting import (
    CHANNEL,
    KEYS,
    a_journal,
    a_use,
    accept,
    accepted,
    add,
    an_acceptor,
    pending,
    report,
)
from tests.worker.workers import WEB, journaled

DAY_MILLISECONDS = 24 * 3600 * 1000
LONG_AGO = format_time(NOW - timedelta(seconds=60))
OLDER, EVENT, NEWER = EventId(9, 9), EventId(9, 10), EventId(10, 0)


async def fill(client, *, spare_bytes: int = 0) -> None:
    """Let Valkey refuse what needs memory, as a full one does."""
    used = int(re.search(rb"used_memory:(\d+)", await client.call("INFO", "memory"))[1])
    await client.call("CONFIG", "SET", "maxmemory", used - 100_000 + spare_bytes)


async def empty(client) -> None:
    await client.call("CONFIG", "SET", "maxmemory", 0)


async def test_J1_one_step_writes_entry_and_report_and_spends_the_token(client):
    """Seen to fail with the HSET of the report removed, and with remember() removed."""
    entry = await accept(client)
    assert await client.call("XLEN", KEYS.journal) == 1
    assert (await report(client, entry))["image"] == "ghcr.io/acme/shop"
    assert await client.call("GET", KEYS.token(a_use().token)) == f"{a_use().fingerprint} {entry}".encode()


async def test_J1_whatever_is_written_ends_by_itself_after_a_time_that_valkey_counts(client):
    """Seen to fail with the report's PEXPIRE removed, and with EXAT and a clock of the caller's in place of PX."""
    entry = (await an_acceptor(client).accept(an_envelope(), a_use(key="k"))).id
    lifetimes = {
        KEYS.report(str(entry)): DAY_MILLISECONDS,
        KEYS.token(a_use().token): 1_200_000,
        KEYS.retry(a_use(key="k").retry or ""): DAY_MILLISECONDS,
    }
    for key, milliseconds in lifetimes.items():
        assert milliseconds - 10_000 < await client.call("PTTL", key) <= milliseconds


async def test_J1_an_event_whose_bell_may_not_be_rung_is_accepted_all_the_same(valkey, tmp_path):
    """Seen to fail with redis.call('PUBLISH') in place of pcall."""
    user = "user web on nopass resetchannels ~{krt}:* +@all"
    async with open_valkey(users=["user default on nopass ~* &* +@all", user]) as server:
        address = server.address.replace("unix://", "unix://web:x@")
        async with open_client(parse_endpoint(address)) as web:
            done = await accepted(web)
            assert done.receivers is None
            assert await web.call("XLEN", KEYS.journal) == 1
            assert (await accepted(web)).id == done.id


async def test_J1_nobody_is_rung_for_what_was_not_accepted(client, endpoint):
    """Seen to fail with the PUBLISH as the script's first step."""
    async with subscribe(endpoint, CHANNEL) as channel:
        assert await channel.receive() == Subscribed()
        with pytest.raises(JournalFull):
            await an_acceptor(client, most_entries=0).accept(an_envelope(), a_use())
        await accept(client)
        with pytest.raises(TokenAlreadyUsed):
            await accept(client, event=an_event(tags=("other",)))
        await accept(client)  # a retry
        await client.call("PUBLISH", CHANNEL, "end")
        assert await channel.receive() == ChannelMessage(journaled())
        assert await channel.receive() == ChannelMessage(b"end")


async def test_J1_a_script_that_valkey_has_forgotten_is_sent_again(client):
    """Seen to fail with EVALSHA alone."""
    await accept(client)
    await client.call("SCRIPT", "FLUSH")
    assert not (await accepted(client, "t-2")).again


async def test_J1_a_full_valkey_takes_nothing_and_spends_nothing(client):
    """Seen to fail with the token remembered by a command of its own, before the script."""
    await accept(client)
    await fill(client)
    with pytest.raises(BrokerUnavailable):
        await accepted(client, "t-2")
    await empty(client)
    assert await client.call("XLEN", KEYS.journal) == 1
    assert not (await accepted(client, "t-2")).again


async def test_J2_the_same_call_again_is_the_same_event(client, endpoint):
    """Seen to fail with the look for the spent token removed."""
    first = await accepted(client)
    again = await accepted(client)
    assert (first.again, again.again, again.id) == (False, True, first.id)
    assert await client.call("XLEN", KEYS.journal) == 1


@pytest.mark.parametrize(
    "second",
    [
        pytest.param((an_event(tags=("other",)), "/event"), id="another body"),
        pytest.param((an_event(), "/event/dry-run"), id="another path"),
    ],
)
async def test_J2_any_other_second_use_of_a_token_is_refused(client, second):
    """Seen to fail with the fingerprint's comparison removed, and with the path left out of the fingerprint."""
    await accept(client)
    event, path = second
    with pytest.raises(TokenAlreadyUsed):
        await an_acceptor(client).accept(an_envelope(event), a_use(event=event, path=path))
    assert await client.call("XLEN", KEYS.journal) == 1


async def test_J2_a_dry_run_does_not_swallow_the_real_event(client):
    """Seen to fail with the path left out of the fingerprint."""
    acceptor = an_acceptor(client)
    await acceptor.accept(an_envelope(), a_use("t-1", path="/event/dry-run"))
    done = await acceptor.accept(an_envelope(), a_use("t-2", path="/event"))
    assert not done.again
    await acceptor.accept(an_envelope(), a_use("t-3", path="/event/dry-run", key="k"))
    with pytest.raises(IdempotencyKeyAlreadyUsed):  # told, and no dry-run in its place
        await acceptor.accept(an_envelope(), a_use("t-4", path="/event", key="k"))


async def test_J2_an_idempotency_key_makes_a_retry_of_a_call_with_a_fresh_token(client):
    """Seen to fail with the look for the retry key removed."""
    acceptor = an_acceptor(client)
    first = await acceptor.accept(an_envelope(), a_use("t-1", key="k"))
    again = await acceptor.accept(an_envelope(), a_use("t-2", key="k"))
    assert (again.again, again.id) == (True, first.id)
    with pytest.raises(TokenAlreadyUsed):  # the fresh token is spent, too
        await acceptor.accept(an_envelope(an_event(tags=("other",))), a_use("t-2", an_event(tags=("other",))))


@pytest.mark.parametrize(
    "other",
    [
        {"key": "k2"},
        {"key": "k", "run_attempt": "2"},
        {"key": "k", "run_id": "77"},
        {"key": "k", "repository_id": "77"},
    ],
    ids="-".join,
)
async def test_J2_an_idempotency_key_counts_for_one_run(client, other):
    """Seen to fail with each of run, attempt, repository and key left out of the retry key."""
    acceptor = an_acceptor(client)
    await acceptor.accept(an_envelope(), a_use("t-1", key="k"))
    assert not (await acceptor.accept(an_envelope(other.get("event")), a_use("t-2", **other))).again


OTHER_CALLS = [
    {"event": an_event(tags=("other",))},
    {"event": an_event(tags=("dev", "other"))},
    {"event": an_event("ghcr.io/acme/cart")},
    {"event": an_event("ghcr.io/acme/shop/dev")},
    {"path": "/event/dry-run"},
]


@pytest.mark.parametrize("other", OTHER_CALLS)
async def test_J2_another_call_with_a_used_idempotency_key_is_refused_and_nothing_is_written(client, other):
    """Seen to fail with the comparison of the fingerprints left out: the caller got the first event's id."""
    acceptor = an_acceptor(client)
    first = await acceptor.accept(an_envelope(), a_use("t-1", key="k"))
    with pytest.raises(IdempotencyKeyAlreadyUsed):
        await acceptor.accept(an_envelope(other.get("event")), a_use("t-2", key="k", **other))
    assert await client.call("XLEN", KEYS.journal) == 1
    assert await client.call("EXISTS", KEYS.token(a_use("t-2").token)) == 0
    assert (await acceptor.accept(an_envelope(), a_use("t-2", key="k"))).id == first.id


async def test_J2_a_jti_that_an_issuer_repeats_is_no_retry_of_another_repositorys_call(client):
    """Seen to fail with the repository's id left out of the token's digest: 202 with the other's event."""
    acceptor = an_acceptor(client)
    first = await acceptor.accept(an_envelope(), a_use("t-1"))
    other = await acceptor.accept(an_envelope(), a_use("t-1", repository_id="77"))
    assert (other.again, other.id == first.id) == (False, False)


async def test_J3_a_journal_keeps_its_name_until_it_is_gone(client):
    """Seen to fail with NX left out, and with a fixed name."""
    journal = a_journal(client)
    await accept(client, "t-1")
    name = (await journal.position()).name
    await accept(client, "t-2")
    assert (await journal.position()).name == name != ""
    await client.call("FLUSHALL")
    await accept(client, "t-3")
    assert (await journal.position()).name != name


@pytest.mark.parametrize(
    ("mark", "decision"),
    [
        pytest.param(a_mark(EVENT), AlreadyRestarted, id="its own"),
        pytest.param(a_mark(NEWER, journal="another"), RestartNow, id="another journal's"),
        pytest.param(a_mark(EventId(2**63, 0)), RestartNow, id="one of the future"),
        pytest.param(a_mark(OLDER), RestartNow, id="an older one: ids are numbers"),
        pytest.param("mine", RestartNow, id="malformed"),
    ],
)
def test_J3_a_mark_counts_only_with_this_journals_name_and_ids(mark, decision):
    """Seen to fail with the comparison of names removed, of `newest` removed, and with ids compared as text."""
    restarted_at = format_time(NOW)
    workload = a_workload(mark=mark, restarted_at=restarted_at)
    position = JournalPosition(JOURNAL, NEWER)
    done = decide(workload, EVENT, position, now=NOW + timedelta(seconds=60), interval_seconds=5)
    assert isinstance(done, decision)


@pytest.mark.parametrize(
    "mark", [a_mark(EventId(2**63, 0), restarted_at=LONG_AGO), "mine"], ids=["one of the future", "malformed"]
)
async def test_J3_a_mark_that_nobody_here_wrote_silences_nothing_and_is_warned_of(world, autojump_clock, caplog, mark):
    """Seen to fail with the warning removed, and with the comparison with `newest` removed."""
    world.cluster.change(WEB, mark=mark, restarted_at=LONG_AGO)
    await world.start()
    entry = world.accept()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1
    assert parse_mark(world.cluster.objects[WEB].mark).covers == entry
    assert "mark_ignored" in [record.message for record in caplog.records if record.levelname == "WARNING"]


def test_J3_no_script_gives_an_entry_an_id_of_its_own_choice():
    """Seen to fail with an id passed to one XADD."""
    texts = [value.text for value in vars(scripts).values() if isinstance(value, scripts.Script)]
    added = [re.search(r"'XADD', KEYS\[1\], (.+?),", text)[1] for text in texts if "XADD" in text]
    assert added == ["'*'", "'*'"]


async def test_J4_the_journal_is_trimmed_by_valkeys_own_time(client):
    """Seen to fail with the XTRIM removed, and with a younger MINID."""
    old, young = await add(client, DAY_MILLISECONDS + 60_000), await add(client, DAY_MILLISECONDS - 60_000)
    await a_journal(client).tidy()
    left = await client.call("XRANGE", KEYS.journal, "-", "+")
    assert [entry.decode() for entry, _ in left] == [str(young)] != [str(old)]


async def test_J4_a_full_valkey_is_trimmed_too(client):
    """Seen to fail with a denyoom command (SET) before the XTRIM, which trimming by XADD amounts to."""
    await add(client, DAY_MILLISECONDS + 60_000)
    await fill(client)
    with pytest.raises(BrokerRefused, match="OOM"):
        await client.call("SET", "x", "1")
    await a_journal(client).tidy()
    assert await client.call("XLEN", KEYS.journal) == 0


async def test_J4_a_worker_tidies_every_minute_whatever_goes_wrong(autojump_clock, nursery):
    """Seen to fail with tidying once, and with BrokerUnavailable not caught."""
    tidied = []

    async def fail_once(name: str) -> None:
        tidied.append(trio.current_time())
        if len(tidied) == 1:
            raise BrokerUnavailable("away")

    nursery.start_soon(chores.tidy, Troubled(FakeJournal(Stream()), before=fail_once))
    await trio.sleep(600)
    nursery.cancel_scope.cancel()
    assert tidied == [60.0 * minute for minute in range(len(tidied))]
    assert len(tidied) >= 10


async def test_J4_above_its_bound_the_journal_takes_nothing_and_spends_nothing(client):
    """Seen to fail with the look at XLEN removed, and with remember() before it."""
    acceptor = an_acceptor(client, most_entries=2)
    for token in ("t-1", "t-2"):
        await acceptor.accept(an_envelope(), a_use(token))
    with pytest.raises(JournalFull):
        await acceptor.accept(an_envelope(), a_use("t-3"))
    await client.call("XTRIM", KEYS.journal, "MAXLEN", 1)
    assert not (await acceptor.accept(an_envelope(), a_use("t-3"))).again


async def test_J4_foreign_messages_are_bounded_too(client):
    """Seen to fail with the look at XLEN removed from ADOPT."""
    journal = a_journal(client, most_entries=1)
    assert await journal.hold_lease()
    assert await journal.adopt(an_envelope())
    with pytest.raises(JournalFull):
        await journal.adopt(an_envelope(request_id="r-2"))


async def test_J4_what_was_trimmed_while_its_worker_was_dead_is_settled_as_expired(world, autojump_clock):
    """Seen to fail with `claimed.deleted` ignored."""
    first = await world.start()
    entry = world.accept(ring=first)
    await trio.sleep(1)
    await first.kill()
    del world.stream.entries[entry]
    await world.start()
    await trio.sleep(30)
    assert not world.stream.pending()
    assert world.state(entry) == "expired"


async def test_J4_what_was_trimmed_after_a_lost_reply_is_settled_as_expired(world, autojump_clock):
    """Seen to fail with the look for entries without fields removed: it was `failed: internal`."""
    worker = await world.start()
    lost = []

    async def lose(name: str) -> None:
        if name == "read_new" and world.stream.pending() and not lost:
            lost.append(name)
            del world.stream.entries[entry]
            raise BrokerUnavailable("the connection was lost")

    worker.journal.after = lose
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert world.state(entry) == "expired"


async def test_J4_trimmed_entries_are_told_by_a_real_valkey(client):
    """Seen to fail with the deleted ids left out of the answer of CLAIM."""
    dead, living = a_journal(client), a_journal(client)
    entry = await accept(client)
    await dead.read_new(10)
    await dead.release(10)
    await client.call("XTRIM", KEYS.journal, "MAXLEN", 0)
    assert (await living.claim("0-0", 10)).deleted == (entry,)
    assert await pending(client) == 0


async def test_J5_stock_settings_are_found_wanting(client):
    """Seen to fail with each of the three looks removed."""
    await client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    problems = await durability_problems(client)
    assert [problem.split(":")[0] for problem in problems] == [
        "appendonly is off",
        "maxmemory-policy is allkeys-lru",
    ]
    arguments = ("--appendonly", "yes", "--appendfsync", "everysec")
    async with open_valkey(arguments=arguments) as server, open_client(parse_endpoint(server.address)) as other:
        assert [problem.split(":")[0] for problem in await durability_problems(other)] == ["appendfsync is everysec"]


async def test_J5_with_the_settings_that_krt_asks_for_nothing_accepted_is_lost_by_a_crash():
    """Seen to fail without `durable`: the problems are named, and the event is gone."""
    async with open_valkey(durable=True) as server, open_client(parse_endpoint(server.address)) as client:
        assert await durability_problems(client) == ()
        entry = await accept(client)
        await server.kill()
        await server.start()
        done = await accepted(client)
        assert (done.again, done.id) == (True, entry)
        (found,) = await a_journal(client).read_new(10)
        assert found.id == entry
