"""What happens only when several things go wrong at once: found by tests/fault, or by asking what it does not reach."""

from dataclasses import replace

import trio

from krt.broker.client import Client
from krt.core.restart.mark import parse_mark
from krt.errors import BrokerUnavailable
from tests.fakes.journal import FakeJournal
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Troubled
from tests.fakes.values import an_envelope
from tests.worker.accepting import a_journal
from tests.worker.workers import WEB, World, web


async def test_a_mark_from_beyond_what_a_worker_without_valkey_knows_is_no_forgery(world: World, autojump_clock):
    """Seen to fail with the mark ignored: the workload was restarted once more, and its mark went back."""
    cut = False

    async def lose(name: str) -> None:
        if cut and name == "position":
            raise BrokerUnavailable("its way to Valkey is cut")

    async def dawdle(_: str) -> None:
        await trio.sleep(3)

    alone = await world.start(
        journal=Troubled(FakeJournal(world.stream), before=lose), cluster=Troubled(world.cluster, before=dawdle)
    )
    first = world.accept(ring=alone)
    await trio.sleep(4)
    second = world.accept(ring=alone)
    await trio.sleep(1)
    cut = True
    other = await world.start()
    third = world.accept(ring=other)
    await trio.sleep(20)
    marks = [parse_mark(patch.stamp.mark) for patch in world.cluster.restarts(WEB)]
    assert [mark.covers for mark in marks if mark] == [first, third]
    cut = False
    await world.settled(second, third, within_seconds=90)
    assert len(world.cluster.restarts(WEB)) == 2


async def test_entries_that_are_given_after_the_worker_has_looked_for_them_are_found(world: World, autojump_clock):
    """Seen to fail: a call that was given up reached Valkey late, and what it was given stayed with nobody for ever."""
    journal, arrived = FakeJournal(world.stream), []

    async def stall(name: str) -> None:
        if name == "read_new" and not arrived and world.stream.newest > world.stream.group().last:
            raise BrokerUnavailable("no answer in time")

    async def arrive(name: str) -> None:
        if name == "read_own" and not arrived:
            arrived.append(await journal.read_new(10))  # and its answer goes to a connection that is closed

    worker = await world.start(journal=Troubled(journal, before=stall, after=arrive))
    entry = world.accept(ring=worker)
    await world.settled(entry, within_seconds=90)
    assert len(arrived[0]) == len(world.cluster.restarts(WEB)) == 1


async def test_an_event_that_is_superseded_while_somebody_looks_at_what_is_followed_is_not_given_up(
    world: World, autojump_clock
):
    """Seen to fail: by the time its standing was asked for it was settled, and who had taken over was not yet seen."""
    first = world.accept()
    second = None

    async def look_slowly(name: str) -> None:
        nonlocal second
        if name == "followed" and second is None and world.said(first):
            second = world.accept(ring=worker)
            await world.settled(first)

    async def dawdle(_: str) -> None:
        await trio.sleep(10)

    worker = await world.start(
        rollouts=Troubled(FakeRollouts(world.stream), after=look_slowly),
        cluster=Troubled(world.cluster, before=dawdle),
    )
    await trio.sleep(60)
    assert second
    assert world.targets(first) == world.targets(second) == {"web": "ready"}


async def test_a_restart_that_is_newer_than_where_the_journal_stood_is_not_taken_for_taken_back(
    world: World, autojump_clock
):
    """Seen to fail: Valkey was slow within one look, and a mark that was made meanwhile was not believed."""
    other = world.cluster.put(web(key="Deployment shop/other"))
    world.cluster.rolls_out = False
    looks: list[str] = []

    async def dawdle(name: str) -> None:
        if name == "tell" and looks == []:
            looks.append(name)
            await trio.sleep(2)

    rollouts = Troubled(FakeRollouts(world.stream))
    worker = await world.start(rollouts=rollouts)
    first = world.accept(ring=worker)
    await trio.sleep(1)
    second = world.accept(ring=worker)
    await trio.sleep(3.8)
    rollouts.before = dawdle
    world.cluster.change(other.key, status=replace(other.status, updated=0))
    await trio.sleep(0.15)
    world.accept("ghcr.io/acme/nobody", ring=worker)
    await trio.sleep(0.5)
    world.cluster.change(WEB, status=replace(other.status, updated=0))
    await trio.sleep(10)
    assert looks
    assert world.targets(first)["web"] == world.targets(second)["web"] == "progressing"


async def test_a_foreign_message_whose_adoption_was_not_heard_of_is_adopted_once(client: Client):
    """Seen to fail: whoever lost the answer tried again, and there were two events, each with its restart."""
    journal = a_journal(client)
    assert await journal.hold_lease()
    message, equal = an_envelope(request_id="0a"), an_envelope(request_id="0b")
    first = await journal.adopt(message)
    assert await journal.adopt(message) == first
    assert await journal.adopt(equal) != first
    assert len(await journal.read_new(10)) == 2
