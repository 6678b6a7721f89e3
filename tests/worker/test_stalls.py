"""A worker that does not get on says so within a minute, whatever keeps it: by readiness and by a metric."""

import pytest
import trio

from krt.errors import BrokerUnavailable
from krt.worker.role import Bounds
from krt.worker.stalls import STALL_SECONDS, Stalls
from tests.fakes.journal import FakeJournal
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Troubled
from tests.worker.workers import BOUNDS, World

WITHIN_SECONDS = 60.0

CALLS = {
    "read_new": "journal",
    "claim": "journal",
    "record": "journal",
    "renew": "claims",
    "settle": "reports",
    "followed": "rollouts",
    "say_alive": "presence",
}


class Trouble:
    """Befalls the calls of one name while it lasts."""

    def __init__(self, call: str, *, hangs: bool) -> None:
        self.call = call
        self.hangs = hangs
        self.begun = trio.Event()
        self.ended = trio.Event()

    async def before(self, name: str) -> None:
        if name != self.call or self.ended.is_set():
            return
        self.begun.set()
        if self.hangs:
            await self.ended.wait()
        raise BrokerUnavailable("WRONGTYPE, for the test")


async def working(world: World, trouble: Trouble, stalls: Stalls) -> None:
    journal = Troubled(FakeJournal(world.stream), before=trouble.before)
    rollouts = Troubled(FakeRollouts(world.stream), before=trouble.before)
    await world.start(journal=journal, rollouts=rollouts, stalls=stalls)


@pytest.mark.parametrize("hangs", [False, True], ids=["fails", "hangs"])
@pytest.mark.parametrize(("call", "part"), CALLS.items())
async def test_a_part_that_does_not_get_on_is_named_until_it_does(world, autojump_clock, call, part, hangs):
    """Seen to fail with the step of the part taken out."""
    stalls, trouble = Stalls(), Trouble(call, hangs=hangs)
    world.accept()
    await working(world, trouble, stalls)
    await trouble.begun.wait()
    await trio.sleep(WITHIN_SECONDS)
    said = stalls.problem()
    assert said is not None
    assert said.startswith(f"{part}: no progress for ")
    assert ("WRONGTYPE, for the test" in said) is not hangs
    assert stalls.seconds() > STALL_SECONDS
    trouble.ended.set()
    await trio.sleep(WITHIN_SECONDS)
    assert stalls.problem() is None
    assert stalls.seconds() < STALL_SECONDS


async def test_a_message_that_is_never_taken_in_is_named(world, autojump_clock):
    """Seen to fail with the step of the listener taken out."""
    stalls, trouble = Stalls(), Trouble("adopt", hangs=False)
    journal = Troubled(FakeJournal(world.stream), before=trouble.before)
    worker = await world.start(journal=journal, stalls=stalls)
    worker.hear(b'{"image":"ghcr.io/acme/shop","tags":["dev"]}')
    await trio.sleep(45)
    assert (stalls.problem() or "").startswith("foreign messages: no progress")


async def test_a_hand_that_stays_full_is_named(world, autojump_clock):
    """An API server takes nothing, and no more events fit. Seen to fail with the step of the hand taken out."""

    answered = trio.Event()

    async def late(_: str) -> None:
        await answered.wait()

    stalls, bounds = Stalls(), Bounds(BOUNDS.calls_at_once, BOUNDS.restarts_per_second, in_hand=1)
    await world.start(cluster=Troubled(world.cluster, before=late), stalls=stalls, bounds=bounds)
    world.accept()
    world.accept("ghcr.io/acme/cart")
    await trio.sleep(WITHIN_SECONDS)
    said = stalls.problem()
    answered.set()  # else the worker would not end
    await trio.sleep(3 * WITHIN_SECONDS)
    assert (said or "").startswith("hand: no progress")
    assert stalls.problem() is None


async def test_an_error_that_is_over_is_not_quoted_for_a_later_stall(autojump_clock):
    """Seen to fail with the errors of steps that succeeded since kept."""
    stalls = Stalls()
    with pytest.raises(BrokerUnavailable), stalls.step("journal"):
        raise BrokerUnavailable("away")
    with stalls.step("journal"):
        pass
    with stalls.step("journal"):
        await trio.sleep(WITHIN_SECONDS)
        assert (stalls.problem() or "").endswith("Valkey reported no error")


async def test_a_worker_with_nothing_to_do_and_one_with_much_get_on(world, autojump_clock):
    """Ten minutes of each."""
    stalls = Stalls()
    await world.start(stalls=stalls)
    for _ in range(10):
        await trio.sleep(60)
        assert stalls.problem() is None
    for _ in range(100):
        world.accept()
        await trio.sleep(6)
        assert stalls.problem() is None
