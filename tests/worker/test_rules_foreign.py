"""C7 of docs/correctness.md: what a Go peer publishes is taken into the journal once; each seen to fail without."""

import pytest
import trio

from krt.core.announce.event import JOURNALED
from krt.core.caller.admission import Refusal, refusal
from krt.core.caller.patterns import parse_prefix
from krt.errors import BrokerUnavailable
from tests.fakes.values import an_envelope, an_event
from tests.worker.accepting import KEYS, a_journal
from tests.worker.workers import foreign, journaled


async def both_hear(world, payload: bytes, *workers) -> None:
    for worker in workers:
        worker.hear(payload)
    await trio.sleep(0.5)


async def test_C7_two_workers_take_one_foreign_message_in_once(world, autojump_clock):
    """Seen to fail with a lease that everybody holds."""
    workers = [await world.start(), await world.start()]
    await both_hear(world, foreign(), *workers)
    await trio.sleep(60)
    assert len(world.stream.entries) == len(world.cluster.patches) == 1


@pytest.mark.parametrize(
    ("ending", "entries"),
    [(b"", 1), (b"\n", 1), (b"\n\n", 1), (b" ", 1), (JOURNALED, 0)],
    ids=["none", "newline", "two-newlines", "space", "krt"],
)
async def test_C7_only_what_ends_as_krts_own_messages_do_is_in_the_journal_already(
    world, autojump_clock, ending, entries
):
    """Seen to fail with a lone newline for a message of krt's own."""
    worker = await world.start()
    await both_hear(world, foreign() + ending, worker)
    assert len(world.stream.entries) == entries


async def test_C7_two_pushes_of_equal_bytes_are_two_events(world, autojump_clock):
    """Seen to fail with messages told apart by their content."""
    worker = await world.start()
    worker.hear(foreign())
    worker.hear(foreign())
    await trio.sleep(60)
    assert len(world.stream.entries) == 2
    await both_hear(world, foreign(), worker)
    assert len(world.stream.entries) == 3


async def test_C7_messages_between_the_death_of_one_and_the_turn_of_the_other_are_taken_in(world, autojump_clock):
    """Seen to fail with nothing kept by those without the lease."""
    first = await world.start()
    await trio.sleep(10)
    second = await world.start()
    await trio.sleep(10)
    await first.kill()
    await both_hear(world, foreign(), second)
    assert not world.stream.entries
    await trio.sleep(5)
    assert len(world.stream.entries) == 1


async def test_C7_what_another_has_had_the_time_for_is_forgotten(world, autojump_clock):
    """Seen to fail with everything kept: the same push was two events."""
    first = await world.start()
    second = await world.start()
    await both_hear(world, foreign(), first, second)
    await trio.sleep(20)
    await first.kill()
    await trio.sleep(60)
    assert len(world.stream.entries) == 1


async def test_C7_a_message_heard_while_valkey_is_away_is_taken_in_later(world, autojump_clock):
    """Seen to fail with everything forgotten after five seconds."""
    worker = await world.start()
    await trio.sleep(1)

    async def away(_: str) -> None:
        raise BrokerUnavailable("away")

    present, worker.journal.before = worker.journal.before, away
    await both_hear(world, foreign(), worker)
    await trio.sleep(20)
    worker.journal.before = present
    await trio.sleep(2)
    assert len(world.stream.entries) == 1


async def test_C7_a_message_that_nobody_could_take_in_is_said_to_be_lost(world, autojump_clock, caplog):
    """Seen to fail with it forgotten in silence."""
    world.stream.most_entries = 0
    worker = await world.start()
    await both_hear(world, foreign(), worker)
    await trio.sleep(70)
    world.stream.most_entries = 100
    await trio.sleep(10)
    assert not world.stream.entries
    assert "messages_lost" in [record.message for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"image":"../x","tags":["dev"]}'], ids=repr)
async def test_C7_what_is_no_event_is_refused_and_the_next_is_heard(world, autojump_clock, caplog, payload):
    """Seen to fail with EventInvalid not caught."""
    worker = await world.start()
    await both_hear(world, payload, worker)
    await both_hear(world, foreign(), worker)
    assert len(world.stream.entries) == 1
    assert "message_refused" in [record.message for record in caplog.records]


async def test_C7_a_foreign_image_that_the_policy_admits_not_restarts_nothing(world, autojump_clock, caplog):
    """Seen to fail with the worker's own policy not asked."""
    worker = await world.start(refusal=lambda event: refusal(event, None, parse_prefix("ghcr.io/acme/other")))
    await both_hear(world, foreign(), worker)
    await world.settled()
    assert not world.cluster.patches
    (entry,) = world.stream.entries
    assert (world.state(entry), world.said(entry).reason) == ("failed", Refusal.PREFIX)
    [refused] = [record for record in caplog.records if record.message == "event_refused"]
    assert refused.fields["reason"] == Refusal.PREFIX


async def test_C7_a_real_lease_has_one_holder_until_it_ends(client):
    """Seen to fail with the look at the holder removed, and without PX."""
    one, other = a_journal(client), a_journal(client)
    assert [await one.hold_lease(), await other.hold_lease(), await one.hold_lease()] == [True, False, True]
    assert 2500 < await client.call("PTTL", KEYS.adopter) <= 3000
    await client.call("DEL", KEYS.adopter)  # as if its time had gone by
    assert [await other.hold_lease(), await one.hold_lease()] == [True, False]


async def test_C7_who_has_lost_the_lease_takes_nothing_in(client):
    """Seen to fail with the look at the lease removed from ADOPT."""
    one, other = a_journal(client), a_journal(client)
    await one.hold_lease()
    await client.call("DEL", KEYS.adopter)
    assert await one.adopt(an_envelope()) is None
    await other.hold_lease()
    assert await one.adopt(an_envelope()) is None
    entry = await other.adopt(an_envelope(an_event(tags=("v1",))))
    assert [each.id for each in await one.read_new(10)] == [entry]


async def test_C7_krts_own_messages_are_taken_in_by_nobody(world, autojump_clock):
    """Seen to fail with every message adopted."""
    workers = [await world.start(), await world.start()]
    world.accept()
    await both_hear(world, journaled(), *workers)
    await world.settled()
    assert len(world.stream.entries) == len(world.cluster.patches) == 1


async def test_C7_a_message_that_gives_way_while_it_is_taken_in_takes_no_other_with_it(world, autojump_clock):
    """Seen to fail with the oldest message removed, whichever that was by then."""
    worker = await world.start()
    busy = trio.Event()

    async def dawdle(name: str) -> None:
        if name == "adopt" and not busy.is_set():
            busy.set()
            await trio.sleep(1)

    worker.journal.before = dawdle
    worker.hear(foreign())
    await busy.wait()
    for _ in range(1000):
        worker.hear(foreign())
    await trio.sleep(60)
    assert len(world.stream.entries) == 1001
