"""T1 to T4 of docs/correctness.md where workers are concerned, each seen to fail without its rule; among fakes."""

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import trio

from krt.core.announce.event_id import EventId
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.rollout import ON_DELETE, PAUSED
from krt.core.kube.workload import RolloutStatus, Workload
from krt.core.report.report import MOST_TARGETS, Group, GroupState
from krt.core.report.target import Target
from krt.core.restart.matching import Warning  # noqa: A004
from krt.core.restart.progress import DELETED, GONE, NOT_MADE, TAKEN_BACK
from krt.core.restart.times import format_time
from krt.errors import BrokerUnavailable, ClusterRefused, ClusterUnavailable
from tests.fakes.index import FakeIndex
from tests.fakes.keys import a_key
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Power, Troubled
from tests.fakes.values import NOW, a_container
from tests.fakes.workloads import FakeWorkloads, many_workloads
from tests.worker.workers import WEB, World, wall, web

REFUSED = ClusterRefused("422")
UNHEARD = "nothing heard of the workload for 900 s"
LONG = RolloutStatus(observed_generation=2, replicas=2, updated=1, available=1)
DONE = RolloutStatus(observed_generation=9, replicas=1, updated=1, available=1)
LATE = RolloutStatus(observed_generation=9, replicas=1, updated=1, deadline_exceeded="timed out progressing")


def slow(world) -> None:
    """Restarts roll out when the test says so."""
    world.cluster.rolls_out = False


def target(world, entry, key=WEB) -> Target:
    return world.report(entry).targets["default", key]


async def a_restart(world, **start) -> tuple:
    """A worker, and an event whose restart is made, acknowledged, and on its way."""
    slow(world)
    worker = await world.start(**start)
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert world.targets(entry) == {"web": "progressing"}
    return worker, entry


# T2


async def test_T2_a_target_is_recorded_before_its_patch(world, autojump_clock):
    """Seen to fail with both calls of the recorder removed."""
    recorded = []
    worker = await world.start(cluster=_Noting(world, recorded))
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert recorded == [{"web": "waiting"}]


async def test_T2_a_late_match_is_recorded_before_its_patch_too(world, autojump_clock):
    """Seen to fail with the report written for what matched at once alone: the event ended as no_match."""
    recorded = []
    world.cluster.delete(WEB)
    index = FakeIndex(world.cluster, lag_seconds=0.5, bookmark_seconds=60)
    worker = await world.start(index=index, cluster=_Noting(world, recorded))
    world.cluster.put(web())
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert recorded == [{"web": "waiting"}]
    assert (world.targets(entry), world.state(entry)) == ({"web": "ready"}, "ready")


async def test_T2_a_late_match_waits_for_valkey_to_write_it_down(world, autojump_clock):
    """Seen to fail with BrokerUnavailable passed over."""
    world.cluster.delete(WEB)
    away = trio.Event()

    async def before(name: str) -> None:
        if name == "record" and not away.is_set() and world.cluster.objects and trio.current_time() > 0.4:
            raise BrokerUnavailable("away")

    rollouts = Troubled(FakeRollouts(world.stream), before=before)
    worker = await world.start(rollouts=rollouts, index=FakeIndex(world.cluster, lag_seconds=0.5, bookmark_seconds=60))
    world.cluster.put(web())
    entry = world.accept(ring=worker)
    await trio.sleep(30)
    assert world.cluster.patches == []
    away.set()
    await world.settled(entry)
    assert world.targets(entry) == {"web": "ready"}


class _Noting:
    """The cluster; what the reports say of the workloads when it is asked to restart one is noted."""

    def __init__(self, world, noted: list[dict[str, str]]) -> None:
        self._world = world
        self._noted = noted

    async def read(self, key):
        return await self._world.cluster.read(key)

    async def restart(self, workload, stamp):
        self._noted.append(self._world.targets(self._world.stream.newest))
        return await self._world.cluster.restart(workload, stamp)


@pytest.mark.parametrize("name", ["record", "settle", "tell", "followed", "standings", "hold_lease", "say_alive"])
@pytest.mark.parametrize("when", ["fail_before", "fail_after"])
async def test_T2_a_worker_that_dies_at_any_step_leaves_a_report_that_the_next_one_completes(
    world, autojump_clock, name, when
):
    """Seen to fail with what is followed kept in the worker, and with the outcome told by whoever made the restart."""
    slow(world)
    power = Power(BrokerUnavailable)
    first = await world.start(power=power, rollouts=power.supply(FakeRollouts(world.stream), **{when: name}))
    entry = world.accept(ring=first)
    await trio.sleep(120)
    await first.kill()
    await world.start()
    await world.settled(entry)
    assert (len(world.cluster.patches), world.targets(entry)) == (1, {"web": "progressing"})
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(5)
    assert (world.targets(entry), world.state(entry)) == ({"web": "ready"}, "ready")


async def test_T2_an_event_is_settled_when_it_is_patched_and_not_when_it_has_rolled_out(world, autojump_clock):
    """Seen to fail with entries held until their targets are final."""
    _, entry = await a_restart(world)
    assert world.said(entry) == Group(GroupState.SETTLED, final=True)
    assert world.state(entry) == "rolling"


# T3


async def test_T3_every_event_up_to_the_mark_follows_the_rollout_and_is_told_how_it_ends(world, autojump_clock):
    """Seen to fail with the event told that caused the restart alone."""
    slow(world)
    worker = await world.start()
    entries = [world.accept(ring=worker) for _ in range(3)]
    await world.settled(*entries)
    assert [world.targets(entry) for entry in entries] == [{"web": "progressing"}] * 3
    world.cluster.change(WEB, status=LATE)
    await trio.sleep(5)
    assert [target(world, entry).reason for entry in entries] == ["timed out progressing"] * 3
    assert [world.state(entry) for entry in entries] == ["failed"] * 3


async def test_T3_an_event_whose_mark_was_there_already_counts_as_restarted_and_not_as_skipped(world, autojump_clock):
    """A patch was done, and its worker died. Seen to fail with Covered told as skipped."""
    slow(world)
    power = Power(BrokerUnavailable)
    first = await world.start(power=power, cluster=power.supply(world.cluster, fail_after="restart"))
    entry = world.accept(ring=first)
    await trio.sleep(1)
    await first.kill()
    await world.start()
    await world.settled(entry)
    assert (len(world.cluster.patches), world.targets(entry)) == (1, {"web": "progressing"})
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(5)
    assert world.targets(entry) == {"web": "ready"}


async def test_T3_a_later_restart_takes_the_earlier_events_along_to_its_end(world, autojump_clock):
    """Seen to fail with an event bound to the restart it caused."""
    worker, first = await a_restart(world)
    second = world.accept(ring=worker)
    await world.settled(second)
    assert world.targets(first) == world.targets(second) == {"web": "progressing"}
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(5)
    assert world.targets(first) == world.targets(second) == {"web": "ready"}


@pytest.mark.parametrize("recreated", [False, True])
async def test_T3_a_workload_that_is_recreated_while_it_rolls_out_has_failed_and_one_deleted_is_left_alone(
    world, autojump_clock, recreated
):
    """Seen to fail with a missing object passed over, and with the uid not compared."""
    _, entry = await a_restart(world)
    world.cluster.delete(WEB)
    if recreated:
        world.cluster.put(web(uid="another", status=DONE))
    await trio.sleep(70)
    end = ("failed", GONE) if recreated else ("skipped", DELETED)
    assert (target(world, entry).state, target(world, entry).reason) == end
    assert world.state(entry) == ("failed" if recreated else "no_match")


@pytest.mark.parametrize("recreated", [False, True])
async def test_T3_a_workload_that_was_matched_and_is_gone_before_its_patch_is_whoever_has_the_event_in_hands_to_judge(
    world, autojump_clock, recreated
):
    """Seen to fail with the follower's word going first: which of the two came first decided."""
    world.cluster.refuse(WEB, *[ClusterUnavailable("503")] * 5)
    worker = await world.start()
    entry = world.accept(ring=worker)
    await trio.sleep(0.1)
    world.cluster.delete(WEB)
    if recreated:
        world.cluster.put(web(uid="another", created_at=format_time(wall())))
    await world.settled(entry)
    assert (target(world, entry).state, target(world, entry).reason) == ("skipped", "deleted or recreated")


async def a_follower_behind(world: World) -> None:
    """A worker that follows every rollout, with an index that hears of everything half a minute late."""
    slow(world)
    await world.start(index=FakeIndex(world.cluster, lag_seconds=30, bookmark_seconds=60))
    await trio.sleep(2)  # it holds the lease


async def done_by_another(world: World) -> EventId:
    """An event that another worker has settled, and a rollout that has just ended unheard by the follower."""
    another = await world.start(index=FakeIndex(world.cluster, bookmark_seconds=5))
    entry = world.accept(ring=another)
    await world.settled(entry)
    await trio.sleep(15)
    assert world.targets(entry) == {"web": "progressing"}
    world.cluster.change(WEB, status=DONE)
    return entry


async def test_T3_an_index_that_has_not_heard_yet_of_a_new_workload_does_not_call_it_gone(world, autojump_clock):
    """One worker matches what another one's watch lags behind on. Seen to fail with the index's word taken at once."""
    await a_follower_behind(world)
    world.cluster.delete(WEB)
    world.cluster.put(web(uid="another"))
    entry = await done_by_another(world)
    await trio.sleep(100)
    assert world.targets(entry) == {"web": "ready"}


async def test_T3_a_place_that_was_never_listed_is_not_one_where_everything_is_gone(world, autojump_clock):
    """Seen to fail with a namespace that may not be listed (any more) taken for an empty one."""
    worker, entry = await a_restart(world)
    await worker.stop()
    index = FakeIndex(world.cluster, bookmark_seconds=60)
    index.lose(WEB)
    index.unlisted = True
    await world.start(index=index)
    await trio.sleep(890)
    assert world.targets(entry) == {"web": "progressing"}
    await trio.sleep(30)
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", UNHEARD)
    assert await FakeRollouts(world.stream).followed() == ()


@pytest.mark.parametrize("before", [{"mark": None, "restarted_at": None}, "an earlier restart"])
async def test_T3_a_restart_that_was_taken_back_has_failed(world, autojump_clock, before):
    """`kubectl rollout undo` brings back the annotations too. Seen to fail with what the report says not looked at."""
    if before == "an earlier restart":
        worker = await world.start()
        earlier = world.accept(ring=worker)
        await world.settled(earlier)
        await worker.stop()
        old = world.cluster.objects[WEB]
        before = {"mark": old.mark, "restarted_at": old.restarted_at}
    _, entry = await a_restart(world)
    world.cluster.change(WEB, **before, generation=9, status=DONE)
    await trio.sleep(10)
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", TAKEN_BACK)
    assert world.state(entry) == "failed"


async def test_T3_what_the_report_says_of_the_restart_outlives_the_workers_that_saw_it(world, autojump_clock):
    """Nobody was there when the mark was taken back. Seen to fail with what was seen kept in the worker."""
    worker, entry = await a_restart(world)
    await worker.kill()
    world.cluster.change(WEB, mark=None, restarted_at=None, generation=9, status=DONE)
    await world.start()
    await trio.sleep(10)
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", TAKEN_BACK)


async def test_T3_a_follower_whose_index_lags_behind_does_not_take_a_restart_for_taken_back(world, autojump_clock):
    """Another worker patched and settled what its watch has yet to tell.

    Seen to fail with the versions compared neither here nor where the end is written.
    """
    await a_follower_behind(world)
    entry = await done_by_another(world)
    await trio.sleep(40)
    assert world.targets(entry) == {"web": "ready"}


async def test_R1_a_restart_that_somebody_undoes_after_its_event_was_settled_has_failed(world, autojump_clock):
    """Seen to fail with a mark that is left behind believed, and with a reverted template taken for taken back."""
    _, entry = await a_restart(world)
    world.cluster.change(WEB, restarted_at=None, last_manager="argocd", generation=9, status=DONE)
    await trio.sleep(10)
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", "restart undone by argocd")
    assert len(world.cluster.patches) == 1


@pytest.mark.parametrize("ahead_seconds", [0.5, 12, 20, 60, 86_400, 2.4e9])
async def test_R1_the_template_of_a_clock_that_is_ahead_is_put_back_and_the_event_has_failed(
    world, autojump_clock, ahead_seconds
):
    """Seen to fail with a restart at krt's own time, earlier than the one that was put back: it was `ready`."""
    ahead = format_time(NOW + timedelta(seconds=ahead_seconds))
    world.cluster.change(WEB, restarted_at=ahead)
    _, entry = await a_restart(world)
    world.cluster.change(WEB, restarted_at=ahead, last_manager="argocd", generation=9, status=DONE)
    await trio.sleep(100)
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", "restart undone by argocd")


async def test_T3_a_restart_at_a_time_of_the_future_ends_at_the_deadline_too(world, autojump_clock):
    """Seen to fail with the mark's time alone: nothing ended it."""
    world.cluster.change(WEB, restarted_at="2099-01-01T00:00:00Z")
    _, entry = await a_restart(world)
    await trio.sleep(905)
    assert (target(world, entry).state, world.state(entry)) == ("failed", "failed")


async def test_T3_what_would_never_end_ends_at_the_deadline(world, autojump_clock):
    """Seen to fail without the deadline."""
    _, entry = await a_restart(world)
    await trio.sleep(900 - trio.current_time() - 2)
    assert world.targets(entry) == {"web": "progressing"}
    await trio.sleep(5)
    why = "no end within 900 s: 0 of 1 updated, 1 available"
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", why)


async def test_T3_what_a_worker_hears_nothing_of_any_more_ends_at_the_deadline(world, autojump_clock):
    """The watch is denied, and patches are not. Seen to fail with nothing said of what is known as it was before."""
    worker = await world.start(index=_deaf(world))
    first = world.accept(ring=worker)
    await trio.sleep(600)
    second = world.accept(ring=worker)
    await trio.sleep(290)
    assert world.targets(first) == world.targets(second) == {"web": "progressing"}
    await trio.sleep(30)
    assert (target(world, first).state, target(world, first).reason) == ("failed", UNHEARD)
    assert world.targets(second) == {"web": "progressing"}
    await trio.sleep(600)
    assert (target(world, second).state, target(world, second).reason) == ("failed", UNHEARD)
    assert len(world.cluster.patches) == 2
    assert await FakeRollouts(world.stream).followed() == ()


async def test_T3_a_restart_that_was_made_late_is_not_ended_before_it_can_be_heard_of(world, autojump_clock):
    """Seen to fail with the deadline counted from the event alone."""
    world.cluster.refuse_always(WEB, ClusterUnavailable("503"))
    worker = await world.start(index=FakeIndex(world.cluster, lag_seconds=30, bookmark_seconds=5))
    entry = world.accept(ring=worker)
    await trio.sleep(2000)
    world.cluster.relent()
    await world.settled(entry)
    await trio.sleep(60)
    assert world.targets(entry) == {"web": "ready"}


def _deaf(world) -> FakeIndex:
    """An index that knows what is there now, hears of nothing any more, and is fresh by what it hears elsewhere."""
    index = FakeIndex(world.cluster, lag_seconds=math.inf)
    index.heard_at = math.inf
    return index


async def test_T3_a_workload_whose_pods_nobody_replaces_is_not_ready(world, autojump_clock):
    """Seen to fail with OnDelete told as restarted: `ready`, and every pod as old as before."""
    slow(world)
    world.cluster.change(WEB, on_delete=True, status=replace(DONE, updated=0))
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    await trio.sleep(5)
    assert (target(world, entry).state, target(world, entry).reason) == ("failed", ON_DELETE)
    assert world.state(entry) == "failed"


@pytest.mark.parametrize("pause", ["before", "in the middle"])
@pytest.mark.parametrize("end", [DONE, LATE], ids=["ready", "failed"])
async def test_T3_a_paused_rollout_has_the_end_of_the_resumed_one(world, autojump_clock, pause, end):
    """Seen to fail with `ready` while it was paused, though the resumed one failed."""
    slow(world)
    if pause == "before":
        world.cluster.change(WEB, paused=True, status=replace(DONE, updated=0))
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    world.cluster.change(WEB, paused=True, status=replace(DONE, updated=0))
    await trio.sleep(300)
    assert (target(world, entry).state, target(world, entry).reason) == ("progressing", PAUSED)
    assert world.state(entry) == "rolling"
    world.cluster.change(WEB, paused=False, status=end)
    await trio.sleep(5)
    assert world.state(entry) == ("ready" if end is DONE else "failed")


DELETED_AT = "2026-11-20T12:00:00Z"
GOING = {"deleted_at": DELETED_AT}
TERMINATING = {"namespace_deleted_at": DELETED_AT}


@pytest.mark.parametrize("others", [False, True], ids=["alone", "among others"])
@pytest.mark.parametrize("how", [GOING, TERMINATING, None], ids=["held", "namespace", "gone"])
@pytest.mark.parametrize("when", ["before the match", "before the patch", "while it rolls out"])
async def test_T3_a_workload_whose_deletion_begins_is_left_alone_and_fails_nobody(
    world, autojump_clock, when, how, others
):
    """Seen to fail with deletionTimestamp not read, and with one that is gone for a failure."""

    def delete() -> None:
        world.cluster.change(WEB, **how) if how else world.cluster.delete(WEB)

    if others:
        world.cluster.put(web(key="Deployment shop/other", uid="other"))
    slow(world)
    if when == "before the patch":  # always: a number of refusals may be used up at once, as waits have full jitter
        world.cluster.refuse_always(WEB, ClusterUnavailable("503"))
    if when == "before the match":
        delete()
    worker = await world.start()
    entry = world.accept(ring=worker)
    await trio.sleep(1)
    if when == "before the patch":
        delete()
    if others:
        await trio.sleep(20)
        world.cluster.change(a_key("Deployment", "shop", "other"), status=DONE)
    if when == "while it rolls out":
        await world.settled(entry)
        delete()
    await trio.sleep(70)
    assert world.state(entry) == ("ready" if others else "no_match")
    if how or when != "before the match":
        assert (target(world, entry).state, "delete" in target(world, entry).reason) == ("skipped", True)
    assert len(world.cluster.restarts(WEB)) == (when == "while it rolls out")
    assert await FakeRollouts(world.stream).followed() == ()


# C4, where it meets the reports


async def test_C4_an_event_that_left_its_workload_to_a_newer_one_is_told_how_that_ones_rollout_ends(
    world, autojump_clock
):
    """Seen to fail with the superseded event followed no more."""
    world.cluster.refuse_always(WEB, ClusterUnavailable("503"))
    worker = await world.start()
    first, second = world.accept(ring=worker), world.accept(ring=worker)
    await trio.sleep(10)
    assert world.is_settled(first)
    assert world.targets(first) == {"web": "waiting"}
    world.cluster.relent()
    await world.settled(second)
    assert world.targets(first) == world.targets(second) == {"web": "ready"}


async def test_C4_an_event_that_left_its_workload_to_one_that_does_not_restart_it_either_has_failed(
    world, autojump_clock
):
    """Seen to fail with nobody looking after it: it was rolling for a day."""
    world.cluster.refuse(WEB, *[ClusterUnavailable("503")] * 6, *[REFUSED] * 9)
    worker = await world.start()
    first, second = world.accept(ring=worker), world.accept(ring=worker)
    await world.settled(first, second)
    await trio.sleep(10)
    assert target(world, second).reason == "422"
    assert (target(world, first).state, target(world, first).reason) == ("failed", NOT_MADE)
    assert await FakeRollouts(world.stream).followed() == ()


async def test_C4_an_event_whose_restart_was_made_is_nothing_to_a_newer_one_whose_restart_is_refused(
    world, autojump_clock
):
    """Seen to fail with older events sharing a newer one's fate, whatever had become of their own."""
    worker, first = await a_restart(world)
    world.cluster.refuse_always(WEB, REFUSED)
    second = world.accept(ring=worker)
    await world.settled(second)
    await trio.sleep(10)
    assert (world.targets(first), world.targets(second)) == ({"web": "progressing"}, {"web": "failed"})
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(10)
    assert world.targets(first) == {"web": "ready"}


async def test_an_event_that_is_given_up_leaves_nothing_behind_that_is_followed(world, autojump_clock):
    power = Power(BrokerUnavailable)
    first = await world.start(power=power, rollouts=power.supply(FakeRollouts(world.stream), fail_after="record"))
    entry = world.accept(ring=first)
    await trio.sleep(1)
    await first.kill()
    world.stream.group("default").pending[entry].deliveries = 0
    world.cluster.change(WEB, containers=(a_container("ghcr.io/acme/other:dev"),))
    await world.start()
    await world.settled(entry)
    await trio.sleep(10)
    assert target(world, entry).state == "failed"
    assert await FakeRollouts(world.stream).followed() == ()


# T1


async def test_T1_of_more_than_a_thousand_workloads_the_rest_is_counted_and_those_told_are_the_restarted(
    world, autojump_clock
):
    """Seen to fail with the first thousand told, by name."""
    for workload in many_workloads(MOST_TARGETS, "ghcr.io/acme/shop:other"):
        world.cluster.put(workload)
    world.cluster.delete(WEB)
    last = world.cluster.put(web(key="Deployment shop/zzz")).key
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    report = world.report(entry)
    assert (len(report.targets), report.groups["default"].workloads) == (MOST_TARGETS, MOST_TARGETS + 1)
    assert target(world, entry, last).state == "ready"
    assert world.state(entry) == "ready"


async def test_T1_what_fails_beyond_the_thousand_that_are_told_fails_the_event_all_the_same(world, autojump_clock):
    """Seen to fail with the first thousand recorded, and nothing said of the others."""
    world.cluster.delete(WEB)
    for workload in many_workloads(MOST_TARGETS + 2):
        world.cluster.put(workload)
    last = a_key("Deployment", "shop", f"web-{MOST_TARGETS + 1:04}")
    world.cluster.refuse_always(last, REFUSED)
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert world.said(entry) == Group(GroupState.SETTLED, workloads=MOST_TARGETS + 2, final=True)
    assert target(world, entry, last).reason == "422"
    assert world.state(entry) == "failed"


async def test_T1_an_event_is_not_ready_before_the_last_of_more_than_a_thousand_workloads_is(world, autojump_clock):
    """Seen to fail with the first thousand followed: ready, though five of them never rolled out."""
    world.cluster.delete(WEB)
    slow(world)
    keys = [world.cluster.put(workload).key for workload in many_workloads(MOST_TARGETS + 5)]
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    for key in keys[:-5]:
        world.cluster.change(key, status=DONE)
    await trio.sleep(5)
    assert world.state(entry) == "rolling"
    for key in keys[-5:]:
        world.cluster.change(key, status=DONE)
    await trio.sleep(5)
    assert world.state(entry) == "ready"


async def test_what_keeps_the_new_image_from_coming_is_a_warning_to_the_end(world, autojump_clock):
    world.cluster.change(WEB, containers=(a_container(pull_policy="IfNotPresent"),))
    worker = await world.start()
    entry = world.accept(ring=worker)
    await world.settled(entry)
    [warning] = target(world, entry).warnings
    assert warning.startswith("imagePullPolicy is not Always")


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize(
    ("key", "changes", "warning"),
    [
        ("Deployment shop/web", {"containers": (a_container(pull_policy="Never"),)}, Warning.PULL_POLICY),
        ("Deployment shop/web", {"paused": True}, Warning.PAUSED),
        ("Deployment shop/web", {"replicas": 0}, Warning.NO_REPLICAS),
        ("StatefulSet shop/web", {"on_delete": True}, Warning.ON_DELETE),
        ("DaemonSet shop/web", {"on_delete": True}, Warning.ON_DELETE),
        ("StatefulSet shop/web", {"partition": 1}, Warning.PARTITION),
    ],
)
async def test_T2_what_is_odd_about_a_match_is_told_however_late_it_comes(
    world, autojump_clock, caplog, key, changes, warning, is_late
):
    """Seen to fail with a match that came late recorded without a look at it."""
    world.cluster.delete(WEB)
    lag = 0.5 if is_late else 0.0
    worker = await world.start(index=FakeIndex(world.cluster, lag_seconds=lag, bookmark_seconds=60.0))
    odd = world.cluster.put(web(key=key, **changes))
    entry = world.accept(ring=worker)
    await world.settled(entry)
    logged = [record for record in caplog.records if record.message == "restart_may_not_help"]
    assert [(record.fields["workload"], record.fields["warnings"]) for record in logged] == [(odd.key, (warning,))]
    [said] = world.report(entry).targets.values()
    assert (Warning.PULL_POLICY in said.warnings) is (warning is Warning.PULL_POLICY)


# Valkey away, and several workers


async def test_while_valkey_is_away_nothing_is_told_and_afterwards_everything(world, autojump_clock):
    away = False

    async def before(name: str) -> None:
        if away:
            raise BrokerUnavailable("away")

    rollouts = Troubled(FakeRollouts(world.stream), before=before)
    _, entry = await a_restart(world, rollouts=rollouts)
    away = True
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(100)
    assert world.targets(entry) == {"web": "progressing"}
    away = False
    await trio.sleep(5)
    assert world.targets(entry) == {"web": "ready"}


async def test_one_of_several_workers_tells_and_another_one_when_it_is_gone(world, autojump_clock):
    told = {"first": 0, "second": 0}

    def counting(name: str) -> Troubled:
        async def before(call: str) -> None:
            told[name] += call == "tell"

        return Troubled(FakeRollouts(world.stream), before=before)

    slow(world)
    first = await world.start(rollouts=counting("first"))
    await trio.sleep(2)
    await world.start(rollouts=counting("second"))
    entry = world.accept(ring=first)
    await world.settled(entry)
    assert told["first"] > 0
    assert told["second"] == 0
    await first.kill()
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(10)
    assert told["second"] > 0
    assert world.targets(entry) == {"web": "ready"}


async def test_a_rollout_that_does_not_change_is_told_once(world, autojump_clock):
    calls: list[str] = []

    async def before(name: str) -> None:
        calls.append(name)

    await a_restart(world, rollouts=Troubled(FakeRollouts(world.stream), before=before))
    before_told = calls.count("tell")
    await trio.sleep(300)
    assert calls.count("tell") == before_told


async def test_how_an_event_stands_that_waits_for_its_restart_is_asked_for_every_few_seconds(world, autojump_clock):
    calls: list[str] = []

    async def before(name: str) -> None:
        calls.append(name)

    world.cluster.refuse_always(WEB, ClusterUnavailable("503"))
    worker = await world.start(rollouts=Troubled(FakeRollouts(world.stream), before=before))
    world.accept(ring=worker)
    await trio.sleep(300)
    assert 40 < calls.count("standings") <= 61


async def test_what_changes_while_nothing_is_looked_at_is_looked_at_soon(world, autojump_clock):
    """A change rings: no second passes before it is told."""
    _, entry = await a_restart(world)
    await trio.sleep(0.55)
    world.cluster.change(WEB, status=DONE)
    await trio.sleep(0.25)
    assert world.targets(entry) == {"web": "ready"}


async def test_of_many_rollouts_those_that_do_not_change_are_looked_at_once_a_second(world, autojump_clock):
    """A burst's thousand took a third of a slow machine's loop. Seen to fail with each look going through all."""
    many = list(many_workloads(50))
    for workload in many:
        world.cluster.put(workload)
    looked: Counter[ObjectKey] = Counter()
    index = _Counting(world.cluster, looked)
    slow(world)
    worker = await world.start(index=index)
    await world.settled(world.accept(ring=worker))
    await trio.sleep(5)
    looked.clear()
    for step in range(20):
        world.cluster.change(WEB, status=replace(LONG, updated=step % 2))
        await trio.sleep(0.1)
    assert looked[WEB] >= 10
    assert all(0 < looked[workload.key] <= 3 for workload in many)


async def test_a_look_that_takes_long_leaves_the_loop_to_others_three_times_as_long(world, autojump_clock):
    """Seen to fail with a pause of the same length whatever the look took."""
    began: list[float] = []

    async def before(name: str) -> None:
        if name == "followed":
            began.append(trio.current_time())
            await trio.sleep(0.2)

    await a_restart(world, rollouts=Troubled(FakeRollouts(world.stream), before=before))
    began.clear()
    for step in range(40):
        world.cluster.change(WEB, status=replace(LONG, updated=step % 2))
        await trio.sleep(0.1)
    assert all(0.8 <= later - earlier < 1.0 for earlier, later in pairwise(began))
    assert len(began) >= 4


class _Counting(FakeIndex):
    """Notes what it is asked for."""

    def __init__(self, cluster: FakeWorkloads, looked: "Counter[ObjectKey]") -> None:
        super().__init__(cluster, bookmark_seconds=60)
        self._looked = looked

    def get(self, key: ObjectKey) -> Workload | None:
        self._looked[key] += 1
        return super().get(key)
