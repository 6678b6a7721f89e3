"""Two workers that come and go, before a Valkey and an API server that fail at random: whatever order things happen in.

Virtual time and seeded chance; a seed that fails fails again.
"""

import random
from dataclasses import replace

import pytest
import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.restart.mark import parse_mark
from krt.errors import BrokerUnavailable, ClusterUnavailable
from tests.fakes.index import FakeIndex
from tests.fakes.journal import FakeJournal
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Hook, Power, Troubled
from tests.fakes.values import a_workload
from tests.worker.workers import BOUNDS, World

SEEDS = 24
TROUBLED_SECONDS = 60.0
IMAGES = {"one": ["shop"], "two": ["shop", "blog"], "three": ["blog"], "four": ["log"]}


@pytest.fixture
def chance(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> random.Random:
    """Everything random comes of the seed: chance itself, jitter, the order in which Trio runs what can run."""
    seed = request.param
    random.seed(seed)
    monkeypatch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    trio._core._run._r.seed(seed)
    return random.Random(seed)


class Storm:
    """What goes wrong, and what others do, for a while."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.accepted: list[tuple[EventId, str]] = []
        self._is_over = False

    def valkey(self) -> Hook:
        """Before or after a call: late, or lost; and every now and then nothing gets through for a while."""
        away_until = 0.0

        async def pass_on(_: str) -> None:
            nonlocal away_until
            await trio.sleep(self.chance.choice([0, 0, 0, 0.001, 0.1]))
            lost = self.chance.random()
            if lost < 0.01:
                away_until = trio.current_time() + self.chance.expovariate(1 / 10)
            if not self._is_over and (lost < 0.05 or trio.current_time() < away_until):
                raise BrokerUnavailable("chance")

        return pass_on

    async def api(self, _: str) -> None:
        """The same; after the call it was done and nobody knows."""
        await trio.sleep(self.chance.choice([0, 0, 0.01, 0.3]))
        if not self._is_over and self.chance.random() < 0.1:
            raise ClusterUnavailable("chance")

    async def blow(self) -> None:
        """Events, edits by others, deaths and births of workers, until it is over."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce)
            nursery.start_soon(self._edit)
            for _ in range(2):
                nursery.start_soon(self._work)
            await trio.sleep(TROUBLED_SECONDS)
            self._is_over = True
            nursery.cancel_scope.cancel()

    async def _announce(self) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(1 / 2))
            for _ in range(self.chance.choice([1, 1, 1, 2, 10])):
                image = self.chance.choice(["shop", "blog", "log"])
                self.accepted.append((self.world.accept(f"ghcr.io/acme/{image}"), image))

    async def _edit(self) -> None:
        while True:
            await trio.sleep(self.chance.expovariate(2))
            key = self.chance.choice(list(self.world.cluster.objects))
            self.world.cluster.change(key, replicas=self.chance.randrange(9))

    async def _work(self) -> None:
        """Never two at one place: the next is born after the last has died."""
        while True:
            worker = await self.begin()
            try:
                await trio.sleep(self.chance.expovariate(1 / 20))
            finally:
                with trio.CancelScope(shield=True):
                    await (worker.kill() if self.chance.random() < 0.7 else worker.stop())
            await trio.sleep(self.chance.random() * 5)

    async def begin(self):
        power, valkey = Power(BrokerUnavailable), self.valkey()
        journal, rollouts = FakeJournal(self.world.stream), FakeRollouts(self.world.stream)
        return await self.world.start(
            power=power,
            journal=Troubled(power.supply(journal), before=valkey, after=valkey),
            rollouts=Troubled(power.supply(rollouts), before=valkey, after=valkey),
            cluster=Troubled(power.supply(self.world.cluster), before=self.api, after=self.api),
            index=FakeIndex(self.world.cluster, lag_seconds=self.chance.random(), bookmark_seconds=20),
            bounds=replace(BOUNDS, calls_at_once=self.chance.choice([1, 2, 16]), in_hand=self.chance.choice([3, 2000])),
        )


@pytest.mark.parametrize("chance", range(SEEDS), indirect=True)
async def test_every_event_is_settled_and_restarted_for_once(world, autojump_clock, chance):
    """Seen to fail with any of these taken out: the claim of dead workers' entries, the look at the mark, the guard of
    the patch, the journal's newest id in the mark, and without Valkey the newest that was seen.
    """
    world.cluster.objects.clear()
    for name, images in IMAGES.items():
        world.cluster.put(_running(name, images))
    storm = Storm(world, chance)
    await storm.blow()
    await storm.begin()
    await world.settled()
    assert not world.stream.pending()
    for name, images in IMAGES.items():
        named = [entry for entry, image in storm.accepted if image in images]
        _check(world, _running(name, images).key, named)


def _check(world: World, key: ObjectKey, named: list[EventId]) -> None:
    """Restarted after the last event that names it, and each time for an event that no restart had covered."""
    covered = [parse_mark(patch.stamp.mark).covers for patch in world.cluster.restarts(key)]
    assert covered == sorted(covered)
    if named:
        assert covered, f"{key} was never restarted"
        assert covered[-1] >= named[-1], f"{key} was not restarted for {named[-1]}"
    before = EventId(0, 0)
    for newest, patch in zip(covered, world.cluster.restarts(key), strict=True):
        reasons = [entry for entry in named if before < entry <= newest]
        assert reasons, f"{key} was restarted at {patch.at} for nothing: {before} covered it"
        before = newest


def _running(name: str, images: list[str]) -> Workload:
    return a_workload(*(f"ghcr.io/acme/{image}:dev" for image in images), key=f"Deployment shop/{name}")
