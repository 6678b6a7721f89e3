"""The journal as workers share it, on a real Valkey (docs/correctness.md, C1 to C7 and J3, J4)."""

import pytest
import trio

from krt.broker.accept import Acceptor
from krt.broker.connection import MOST_REPLY_BYTES
from krt.broker.journal import KEPT_SECONDS, MOST_ENTRY_BYTES, ValkeyJournal
from krt.broker.keys import Keys
from krt.core.announce.event_id import EventId
from krt.core.caller.use import use_of
from krt.core.envelope import from_fields, to_fields
from krt.errors import BrokerRefused, JournalFull
from tests.fakes.values import an_envelope, an_event, an_identity

KEYS = Keys("krt")
GROUP = "default:0f0f0f0f"


@pytest.fixture
def journal(client):
    return a_journal(client)


def a_journal(client, *, group: str = GROUP, most_entries: int = 1000) -> ValkeyJournal:
    return ValkeyJournal(client, KEYS, group=group, most_entries=most_entries)


async def announce(client, *tags: str) -> list[EventId]:
    """Accept an event for each tag."""
    acceptor = Acceptor(client, KEYS, channel="c", most_entries=1000)
    accepted = []
    for tag in tags:
        identity, event = an_identity(jti=f"token-{tag}"), an_event(tags=(tag,))
        use = use_of(identity, "/event", event, None)
        accepted.append((await acceptor.accept(an_envelope(event, identity=identity), use)).id)
    return accepted


def ids(delivered) -> list[EventId]:
    return [entry.id for entry in delivered]


async def left_alone(client, journal: ValkeyJournal, *entries: EventId, seconds: float = 60) -> None:
    """As if the worker had said nothing of these entries for so long."""
    named = [str(entry) for entry in entries]
    whose = (KEYS.journal, GROUP, journal._consumer, 0, *named)
    await client.call("XCLAIM", *whose, "IDLE", int(seconds * 1000), "JUSTID")


async def settle(client, *entries: EventId) -> None:
    await client.call("XACK", KEYS.journal, GROUP, *[str(entry) for entry in entries])


async def test_what_was_announced_before_the_first_worker_came_is_delivered(client, journal):
    announced = await announce(client, "v1", "v2")
    delivered = await journal.read_new(10)
    assert ids(delivered) == announced
    assert [from_fields(entry.fields).event.tags for entry in delivered] == [("v1",), ("v2",)]
    assert [entry.deliveries for entry in delivered] == [1, 1]


async def test_without_a_journal_there_is_nothing_to_read(journal):
    assert await journal.read_new(10) == ()
    assert await journal.read_own(None, 10) == ()
    assert await journal.renew(10) == frozenset()
    assert (await journal.claim("0-0", 10)).entries == ()


async def test_no_more_is_delivered_than_was_asked_for(client, journal):
    announced = await announce(client, "v1", "v2", "v3")
    assert ids(await journal.read_new(2)) == announced[:2]
    assert ids(await journal.read_new(2)) == announced[2:]
    assert await journal.read_new(2) == ()


async def test_workers_of_one_group_share_the_entries(client, journal):
    other = a_journal(client)
    announced = await announce(client, "v1", "v2")
    assert ids(await journal.read_new(1)) + ids(await other.read_new(10)) == announced
    assert await journal.read_new(10) == ()


async def test_each_group_gets_every_entry(client, journal):
    announced = await announce(client, "v1")
    assert ids(await journal.read_new(10)) == announced
    assert ids(await a_journal(client, group="other:1").read_new(10)) == announced


async def test_two_workers_that_come_first_make_one_group(client):
    announced = await announce(client, "v1", "v2", "v3")
    found: list[EventId] = []

    async def read(journal: ValkeyJournal) -> None:
        found.extend(ids(await journal.read_new(10)))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(read, a_journal(client))
    assert sorted(found) == announced


async def test_a_group_that_vanished_is_made_again_from_the_beginning(client, journal):
    announced = await announce(client, "v1")
    await journal.read_new(10)
    await client.call("XGROUP", "DESTROY", KEYS.journal, GROUP)
    assert ids(await journal.read_new(10)) == announced


async def test_the_time_at_which_a_group_was_made_is_valkeys(client, journal):
    before = await journal.now()
    await journal.read_new(1)
    assert before - 0.001 <= await journal.group_made() <= await journal.now()


async def test_an_entry_whose_delivery_was_lost_is_still_the_workers_own(client, journal):
    announced = await announce(client, "v1", "v2")
    await journal.read_new(10)
    assert ids(await journal.read_own(None, 10)) == announced
    assert ids(await journal.read_own(announced[0], 10)) == announced[1:]
    await settle(client, announced[0])
    assert ids(await journal.read_own(None, 10)) == announced[1:]


async def test_entries_of_the_living_are_not_claimed(client, journal):
    await announce(client, "v1")
    await journal.read_new(10)
    assert (await a_journal(client).claim("0-0", 10)).entries == ()


async def test_entries_of_a_worker_that_said_nothing_are_claimed_by_another(client, journal):
    announced = await announce(client, "v1", "v2")
    await journal.read_new(10)
    await left_alone(client, journal, announced[0])
    other = a_journal(client)
    claimed = await other.claim("0-0", 10)
    assert ids(claimed.entries) == announced[:1]
    assert claimed.entries[0].deliveries == 2
    assert await journal.renew(10) == {announced[1]}
    assert await other.renew(10) == {announced[0]}


async def test_of_two_claimants_one_gets_the_entry(client, journal):
    announced = await announce(client, "v1")
    await journal.read_new(10)
    await left_alone(client, journal, *announced)
    first, second = a_journal(client), a_journal(client)
    assert ids((await first.claim("0-0", 10)).entries) == announced
    assert (await second.claim("0-0", 10)).entries == ()


async def test_renewing_keeps_entries_from_others(client, journal):
    announced = await announce(client, "v1")
    await journal.read_new(10)
    await left_alone(client, journal, *announced)
    assert await journal.renew(10) == set(announced)
    assert (await a_journal(client).claim("0-0", 10)).entries == ()


async def test_what_is_released_can_be_claimed_at_once(client, journal):
    announced = await announce(client, "v1", "v2")
    await journal.read_new(10)
    await journal.release(10)
    assert ids((await a_journal(client).claim("0-0", 10)).entries) == announced


async def test_the_cursor_reaches_the_dead_behind_many_living(client, journal):
    announced = await announce(client, *(f"v{n}" for n in range(30)))
    await journal.read_new(100)
    await left_alone(client, journal, announced[-1])
    other, cursor, found = a_journal(client), "0-0", []
    for _ in range(30):
        claimed = await other.claim(cursor, 1)
        found += ids(claimed.entries)
        cursor = claimed.cursor
        if cursor == "0-0":
            break
    assert found == announced[-1:]


async def test_entries_that_are_no_longer_in_the_journal_are_named_when_they_are_claimed(client, journal):
    announced = await announce(client, "v1", "v2")
    await journal.read_new(10)
    await left_alone(client, journal, *announced)
    await client.call("XDEL", KEYS.journal, str(announced[0]))
    claimed = await a_journal(client).claim("0-0", 10)
    assert (ids(claimed.entries), list(claimed.deleted)) == (announced[1:], announced[:1])


async def test_what_is_older_than_a_day_by_valkeys_clock_is_trimmed(client, journal):
    now = int(await journal.now() * 1000)
    day = int(KEPT_SECONDS * 1000)
    for milliseconds in (1, now - day - 60_000, now - day + 60_000):
        await client.call("XADD", KEYS.journal, f"{milliseconds}-0", "image", "x")
    await announce(client, "v1")
    await journal.tidy()
    left = await client.call("XRANGE", KEYS.journal, "-", "+")
    assert len(left) == 2
    assert left[0][0].startswith(str(now - day + 60_000).encode())


async def test_tidying_before_there_is_a_journal_is_harmless(client, journal):
    await journal.tidy()
    assert await client.call("EXISTS", KEYS.journal) == 0


async def test_a_full_valkey_can_still_be_trimmed(client, journal):
    await client.call("XADD", KEYS.journal, "1-0", "image", "x")
    await client.call("CONFIG", "SET", "maxmemory", "1")
    await journal.tidy()
    assert await client.call("XLEN", KEYS.journal) == 0


async def test_the_position_is_the_newest_id_ever_given(client, journal):
    announced = await announce(client, "v1", "v2")
    await client.call("XDEL", KEYS.journal, str(announced[1]))
    position = await journal.position()
    assert position.newest == announced[1]
    assert position.name == (await client.call("GET", KEYS.journal_name)).decode()


async def test_the_position_is_told_however_large_the_entries_are(client, journal):
    """Seen to fail with XINFO's own reply, which holds the first and the last entry and cuts the connection."""
    await client.call("XADD", KEYS.journal, "5-1", "image", "x" * (MOST_REPLY_BYTES + 100_000))
    assert (await journal.position()).newest == EventId(5, 1)


async def test_there_is_no_position_in_a_journal_that_is_none(journal):
    with pytest.raises(BrokerRefused):
        await journal.position()


async def test_one_worker_holds_the_lease(client, journal):
    other = a_journal(client)
    assert await journal.hold_lease()
    assert not await other.hold_lease()
    assert await journal.hold_lease()


async def test_the_lease_of_a_worker_that_died_passes_on_within_three_seconds(client, journal):
    await journal.hold_lease()
    assert 0 < await client.call("PTTL", KEYS.adopter) <= 3000
    await client.call("PEXPIRE", KEYS.adopter, 0)
    assert await a_journal(client).hold_lease()
    assert not await journal.hold_lease()


async def test_only_the_holder_of_the_lease_adopts(client, journal):
    other = a_journal(client)
    await other.hold_lease()
    assert await journal.adopt(an_envelope()) is None
    assert await client.call("XLEN", KEYS.journal) == 0


async def test_an_adopted_event_is_delivered_as_any_other(client, journal):
    await journal.hold_lease()
    envelope = an_envelope(an_event(tags=("v1",)))
    adopted = await journal.adopt(envelope)
    delivered = await journal.read_new(10)
    assert ids(delivered) == [adopted]
    assert delivered[0].fields == to_fields(envelope)


async def test_two_messages_of_equal_bytes_are_two_events(journal):
    await journal.hold_lease()
    first, second = await journal.adopt(an_envelope()), await journal.adopt(an_envelope(request_id="r-2"))
    assert first != second


async def test_an_adopted_event_names_a_new_journal_and_keeps_the_name_of_an_old_one(client, journal):
    await journal.hold_lease()
    await journal.adopt(an_envelope())
    name = await client.call("GET", KEYS.journal_name)
    assert name
    await announce(client, "v1")
    await journal.adopt(an_envelope(request_id="r-2"))
    assert await client.call("GET", KEYS.journal_name) == name


async def test_a_full_journal_adopts_nothing(client):
    journal = a_journal(client, most_entries=1)
    await announce(client, "v1")
    await journal.hold_lease()
    with pytest.raises(JournalFull):
        await journal.adopt(an_envelope())
    assert await client.call("XLEN", KEYS.journal) == 1


LARGE = {
    "a byte more than krt takes": [b"image", b"x" * (MOST_ENTRY_BYTES - 4)],
    "a field above what a connection takes": [b"image", b"x" * (MOST_REPLY_BYTES + 1)],
    "twenty megabytes": [b"image", b"x" * 20_000_000],
    "a name of a field": [b"x" * 2_000_000, b""],
    "a hundred thousand fields": [part for n in range(100_000) for part in (b"f%d" % n, b"1")],
    "a hundred thousand empty fields": [b""] * 200_000,
    "no text": [b"image", b"\xff" * 2_000_000],
}


@pytest.mark.parametrize("fields", LARGE.values(), ids=LARGE)
async def test_an_entry_of_any_size_comes_without_its_fields_and_those_behind_it_come_too(client, journal, fields):
    """Seen to fail with entries read in one piece: the reply cut the connection, and the next read began with it."""
    large = EventId(*map(int, (await client.call("XADD", KEYS.journal, "*", *fields)).decode().split("-")))
    (small,) = await announce(client, "v1")
    other = a_journal(client)
    for delivered in (await journal.read_new(10), await journal.read_own(None, 10)):
        assert ids(delivered) == [large, small]
        assert (delivered[0].fields, from_fields(delivered[1].fields).event.tags) == ({}, ("v1",))
    await left_alone(client, journal, large, small)
    claimed = (await other.claim("0-0", 10)).entries
    assert (ids(claimed), claimed[0].fields) == ([large, small], {})


async def test_as_many_entries_are_read_at_once_as_a_connection_takes(client, journal):
    """Seen to fail with no bound on all of them together."""
    for _ in range(40):
        await client.call("XADD", KEYS.journal, "*", "image", b"x" * (MOST_ENTRY_BYTES - 100))
    read = [len(await journal.read_new(100)) for _ in range(20)]
    assert sum(read) == 40
    assert max(read) < 10


async def test_entries_of_many_tiny_fields_do_not_stop_the_reading(client, journal):
    """Seen to fail with names and values counted without what stands around them in a reply."""
    for _ in range(6):
        await client.call("XADD", KEYS.journal, "*", *[b"x", b""] * 30_000)
    (small,) = await announce(client, "v1")
    read = [*await journal.read_new(10), *await journal.read_new(10)]
    assert (len(read), ids(read)[-1]) == (7, small)


async def test_fields_that_are_no_text_do_not_stop_the_reading(client, journal):
    await client.call("XADD", KEYS.journal, "*", b"\xff", b"\xfe")
    (delivered,) = await journal.read_new(10)
    assert delivered.fields == {"\ufffd": "\ufffd"}
