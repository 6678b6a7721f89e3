"""The rules of docs/correctness.md where an event reaches a BundleDeployment; among fakes.

Its controller is the test: it answers an announcement by a status.
"""

from dataclasses import replace

import pytest
import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.kube.workload import BundleStatus, Workload
from krt.core.report.target import Target
from krt.errors import Conflict
from tests.fakes.values import a_workload
from tests.worker.workers import World

SHOP = BUNDLE_DEPLOYMENT.key("", "shop")
DIGEST = "sha256:" + "a" * 64
DONE = BundleStatus(is_handled=True, is_ready=True, digest=DIGEST)
BAD = BundleStatus(is_handled=True, digest=DIGEST, problem="found zero objects")


def a_bundle(status: BundleStatus = DONE, **changes: object) -> Workload:
    return replace(a_workload(**changes), key=SHOP, bundle=status)


@pytest.fixture
def bundle_world(world: World) -> World:
    """One in which a BundleDeployment runs the image, too, and no controller answers by itself."""
    world.cluster.rolls_out = False
    for key in list(world.cluster.objects):
        world.cluster.delete(key)
    world.cluster.put(a_bundle())
    return world


def target(world: World, entry: EventId) -> Target:
    return world.report(entry).targets["default", SHOP]


def announcements(world: World) -> list[EventId]:
    return [patch.stamp.covers for patch in world.cluster.restarts(SHOP)]


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [(DONE, "ready", DIGEST), (BAD, "failed", "found zero objects")],
)
async def test_an_event_is_announced_once_and_followed_until_it_is_handled(
    bundle_world, autojump_clock, answer, state, said
):
    world = bundle_world
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert (target(world, entry).state, announcements(world)) == ("progressing", [entry])
    world.cluster.change(SHOP, bundle=answer)
    await trio.sleep(5)
    assert (target(world, entry).state, target(world, entry).digest or target(world, entry).reason) == (state, said)
    assert announcements(world) == [entry]


async def test_an_event_in_the_meantime_is_announced_anew_with_its_own_id(bundle_world, autojump_clock):
    world = bundle_world
    worker = await world.start()
    first = world.accept(ring=worker)
    await world.settled(first)
    second = world.accept(ring=worker)
    await world.settled(second)
    assert announcements(world) == [first, second]
    world.cluster.change(SHOP, bundle=DONE)
    await trio.sleep(5)
    assert [target(world, each).state for each in (first, second)] == ["ready", "ready"]


async def test_R2_the_announced_id_is_that_of_the_newest_event_that_the_mark_covers(bundle_world, autojump_clock):
    """Seen to fail with the id of the event that the patch was made for.

    Its controller takes an id that it has handled for no announcement. So a later patch for the same event, which
    covers more events, would announce nothing.
    """
    world = bundle_world
    worker = await world.start()
    entry = world.accept()
    other = world.accept("ghcr.io/acme/another", ring=worker)
    await world.settled(entry)
    assert announcements(world) == [other]
    mark = world.cluster.objects[SHOP].mark
    assert mark
    assert mark.split(" ")[1] == str(other)


async def test_R1_an_announcement_that_was_taken_away_is_made_again(bundle_world, autojump_clock):
    """Seen to fail with changes of the object passed over."""
    world = bundle_world
    worker = await world.start()
    entry = world.accept(ring=worker)
    await trio.sleep(1)
    world.cluster.change(SHOP, restarted_at=None)  # as `announced` reads it once the annotation is gone
    await world.settled(entry)
    assert len(announcements(world)) == 2


async def test_one_that_has_changed_meanwhile_is_read_again(bundle_world, autojump_clock):
    world = bundle_world
    world.cluster.refuse(SHOP, Conflict("409"))
    entry = world.accept(ring=await world.start())
    await world.settled(entry)
    assert announcements(world) == [entry]
    assert ("read", SHOP) in world.cluster.calls


async def test_without_an_answer_until_the_deadline_it_is_failed(bundle_world, autojump_clock):
    world = bundle_world
    entry = world.accept(ring=await world.start())
    await trio.sleep(910)
    assert target(world, entry).reason == "no end within 900 s"


async def test_another_worker_follows_it_where_the_first_one_died(bundle_world, autojump_clock):
    world = bundle_world
    first = await world.start()
    entry = world.accept(ring=first)
    await world.settled(entry)
    await first.kill()
    await world.start()
    world.cluster.change(SHOP, bundle=DONE)
    await trio.sleep(30)
    assert (target(world, entry).state, target(world, entry).digest) == ("ready", DIGEST)
    assert announcements(world) == [entry]


async def test_one_that_comes_to_name_the_tag_is_announced_to_late(bundle_world, autojump_clock):
    world = bundle_world
    world.cluster.put(a_bundle(containers=()))
    entry = world.accept(ring=await world.start())
    await trio.sleep(0.2)
    world.cluster.put(a_bundle())
    await trio.sleep(5)
    assert announcements(world) == [entry]


async def test_what_is_deleted_meanwhile_is_skipped(bundle_world, autojump_clock):
    world = bundle_world
    entry = world.accept(ring=await world.start())
    await world.settled(entry)
    world.cluster.delete(SHOP)
    await trio.sleep(120)
    assert (target(world, entry).state, target(world, entry).reason) == ("skipped", "it was deleted")
