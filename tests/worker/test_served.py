"""C2 of docs/correctness.md where others have restarted or created a workload after an event that is old news to them.

Nobody patches it again, and nobody has looked yet how its rollout ends: it is followed like any other.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
import trio

from krt.core.kube.rollout import NO_PODS, ON_DELETE, PAUSED
from krt.core.kube.workload import RolloutStatus
from krt.core.restart.progress import DELETED, GONE, TAKEN_BACK
from krt.core.restart.times import format_time
from krt.errors import BrokerUnavailable, ClusterUnavailable
from tests.fakes.index import FakeIndex
from tests.fakes.journal import FakeJournal
from tests.fakes.keys import a_key
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Power, Troubled
from tests.fakes.values import JOURNAL, NOW, a_container, a_mark
from tests.worker.workers import WEB, web

GOOD = RolloutStatus(observed_generation=9, replicas=1, updated=1, available=1, scheduled=1)
NONE = RolloutStatus(observed_generation=9)
ROLLING = replace(GOOD, replicas=2, scheduled=2)
OLD_PODS = replace(GOOD, updated=0)
CRASHING = replace(ROLLING, deadline_exceeded="timed out progressing")
KINDS = ("Deployment", "StatefulSet", "DaemonSet")


def at(seconds: float) -> str:
    """A time so many seconds after Trio's clock began."""
    return format_time(NOW + timedelta(seconds=seconds))


def restarted(seconds: float = 900.0) -> dict[str, object]:
    """As `kubectl rollout restart` leaves it; the event was accepted at 700."""
    return {"restarted_at": at(seconds), "last_managed_at": at(seconds), "generation": 2}


def created(seconds: float = 900.0) -> dict[str, object]:
    return {"created_at": at(seconds)}


async def found(world, key: str = "Deployment shop/web", **changes) -> tuple:
    """A worker of a new group, and an event five minutes older than it; meanwhile somebody has made these changes."""
    await trio.sleep(1000)
    entry = world.accept(age_seconds=300)
    world.cluster.delete(WEB)
    world.cluster.put(web(key=key, **changes))
    worker = await world.start()
    await world.settled(entry)
    return worker, entry


def said(world, entry) -> tuple[str, str]:
    [target] = world.report(entry).targets.values()
    return target.state, target.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [restarted(), created()], ids=["restarted", "created"])
@pytest.mark.parametrize("when", ["before", "later"])
async def test_C2_what_others_restarted_or_created_after_an_old_event_is_ready_when_its_pods_are(
    world, autojump_clock, kind, how, when
):
    """Seen to fail with the last word said when it was found: it counted as success, whatever its rollout did."""
    _, entry = await found(world, f"{kind} shop/web", **how, status=GOOD if when == "before" else ROLLING)
    if when == "later":
        await trio.sleep(120)
        assert (said(world, entry)[0], world.state(entry)) == ("progressing", "rolling")
        world.cluster.change(a_key(kind, "shop", "web"), status=GOOD)
    await trio.sleep(10)
    assert (said(world, entry)[0], world.state(entry), world.cluster.patches) == ("ready", "ready", [])
    assert await FakeRollouts(world.stream).followed() == ()


@pytest.mark.parametrize(
    ("key", "changes", "reason"),
    [
        ("Deployment shop/web", {**restarted(), "status": CRASHING}, "timed out progressing"),
        ("Deployment shop/web", {**created(), "status": CRASHING}, "timed out progressing"),
        ("Deployment shop/web", {**restarted(), "status": ROLLING}, "no end within 900 s"),
        ("StatefulSet shop/web", {**restarted(), "status": replace(OLD_PODS, available=0)}, "no end within 900 s"),
        ("DaemonSet shop/web", {**restarted(), "status": replace(GOOD, available=0)}, "no end within 900 s"),
        ("Deployment shop/web", {**restarted(), "status": ROLLING, "paused": True}, PAUSED),
        ("StatefulSet shop/web", {**restarted(), "status": OLD_PODS, "on_delete": True}, ON_DELETE),
        ("DaemonSet shop/web", {**restarted(), "status": OLD_PODS, "on_delete": True}, ON_DELETE),
        ("StatefulSet shop/web", {**restarted(), "status": OLD_PODS, "partition": 1}, "partition 1 keeps 1 of its 1"),
    ],
)
async def test_C2_what_others_restarted_or_created_after_an_old_event_fails_when_its_rollout_does(
    world, autojump_clock, key, changes, reason
):
    """`ready` was said of new pods that crashed. Seen to fail without a deadline, and with nobody following it."""
    _, entry = await found(world, key, **changes)
    await trio.sleep(920)
    state, why = said(world, entry)
    assert (state, reason in why, world.state(entry), world.cluster.patches) == ("failed", True, "failed", [])
    assert await FakeRollouts(world.stream).followed() == ()


@pytest.mark.parametrize("ahead_seconds", [15, 90, 250, 299])
async def test_C2_what_a_clock_that_is_ahead_wrote_before_the_event_is_restarted(world, autojump_clock, ahead_seconds):
    """It was taken for newer than the event, whose image its pods do not run. Seen to fail with its time believed."""
    written = at(695)  # by the API server's clock, five seconds before the event
    _, entry = await found(world, restarted_at=at(695 + ahead_seconds), last_managed_at=written, status=GOOD)
    assert len(world.cluster.patches) == 1
    await trio.sleep(10)
    assert said(world, entry)[0] == "ready"


async def test_C2_its_deadline_counts_from_when_it_was_found(world, autojump_clock):
    """A pod may be away just then, of a rollout that ended long ago. Seen to fail with its mark's time taken."""
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(3000)
    entry = world.accept(age_seconds=2000)
    world.cluster.change(WEB, **restarted(1100), mark=a_mark(restarted_at=at(0)), status=replace(GOOD, available=0))
    await world.start()
    await world.settled(entry)
    await trio.sleep(600)
    assert (said(world, entry)[0], world.cluster.patches) == ("progressing", [])
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(10)
    assert said(world, entry)[0] == "ready"


@pytest.mark.parametrize("kind", KINDS)
async def test_C2_what_has_no_pods_by_then_is_ready_and_says_so(world, autojump_clock, kind):
    """Seen to fail without the warning."""
    _, entry = await found(world, f"{kind} shop/web", **restarted(), replicas=0, status=NONE)
    await trio.sleep(10)
    [target] = world.report(entry).targets.values()
    assert (target.state, NO_PODS in target.warnings) == ("ready", True)


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("deleted", ("skipped", DELETED)),
        ("being deleted", ("skipped", "it is being deleted")),
        ("recreated", ("failed", GONE)),
        ("put back", ("failed", TAKEN_BACK)),
        ("put back to before", ("failed", TAKEN_BACK)),
    ],
)
async def test_C2_what_becomes_of_it_meanwhile_is_told_as_of_any_other(world, autojump_clock, how, end):
    """Seen to fail with its time looked at when it was found, and never again."""
    _, entry = await found(world, **restarted(), status=ROLLING)
    if how in ("deleted", "recreated"):
        world.cluster.delete(WEB)
    if how == "recreated":
        world.cluster.put(web(uid="another", **created(1010)))
    if how == "being deleted":
        world.cluster.change(WEB, deleted_at=at(1010))
    if how.startswith("put back"):
        before = at(600) if how == "put back to before" else None
        world.cluster.change(WEB, restarted_at=before, generation=3, status=GOOD)
    await trio.sleep(70)
    assert said(world, entry) == end
    assert world.cluster.patches == []


@pytest.mark.parametrize(
    "changes",
    [
        restarted(2000),
        restarted(1900 + 7200),
        created(2000),
        restarted(701),
        created(701),
        restarted(700),
        {"restarted_at": "yesterday"},
        {**restarted(), "mark": a_mark(restarted_at=at(900), journal=JOURNAL)},
    ],
    ids=["ahead", "zone", "created ahead", "soon", "created soon", "same", "no time", "krt's for an older one"],
)
async def test_C2_where_it_is_in_doubt_whether_its_pods_are_newer_it_is_restarted(world, autojump_clock, changes):
    """Clocks differ, and people write times by hand. Seen to fail with every time after the event believed, with
    one of the future believed, and with a mark's restart judged by its time."""
    _, entry = await found(world, **changes)
    await trio.sleep(60)
    assert (len(world.cluster.patches), world.state(entry)) == (1, "ready")


async def test_C2_a_restart_of_krts_own_covers_what_its_mark_says(world, autojump_clock):
    """The group was made again after it. Seen to fail with the mark not looked at: the patch was made once more."""
    first = await world.start()
    world.cluster.rolls_out = False
    entry = world.accept(ring=first)
    await trio.sleep(1)
    await first.kill()
    assert len(world.cluster.patches) == 1
    await trio.sleep(100)
    del world.stream.groups["default"]
    await world.start()
    await world.settled(entry)
    assert (said(world, entry)[0], len(world.cluster.patches)) == ("progressing", 1)
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(10)
    assert (world.state(entry), len(world.cluster.patches)) == ("ready", 1)


async def test_C2_whoever_takes_over_follows_it_on(world, autojump_clock):
    """Seen to fail with what was found kept in the worker."""
    first, entry = await found(world, **restarted(), status=ROLLING)
    await first.kill()
    await trio.sleep(30)
    await world.start()
    await trio.sleep(10)
    assert (said(world, entry)[0], world.state(entry)) == ("progressing", "rolling")
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(10)
    assert world.state(entry) == "ready"


@pytest.mark.parametrize("name", ["record", "settle", "tell"])
@pytest.mark.parametrize("when", ["fail_before", "fail_after"])
async def test_C2_a_worker_that_dies_at_any_step_leaves_it_to_be_followed(world, autojump_clock, name, when):
    """Seen to fail with nothing kept in Valkey that is to be followed."""
    await trio.sleep(1000)
    entry = world.accept(age_seconds=300)
    world.cluster.change(WEB, **restarted(), status=ROLLING)
    power = Power(BrokerUnavailable)
    first = await world.start(power=power, rollouts=power.supply(FakeRollouts(world.stream), **{when: name}))
    await trio.sleep(60)
    await first.kill()
    await world.start()
    await world.settled(entry)
    await trio.sleep(10)
    assert (said(world, entry)[0], world.cluster.patches) == ("progressing", [])
    world.cluster.change(WEB, status=CRASHING)
    await trio.sleep(10)
    assert said(world, entry) == ("failed", "timed out progressing")


async def test_C2_a_follower_whose_index_lags_behind_says_nothing_of_it(world, autojump_clock):
    """It knows a restart before the one that another worker found.

    Seen to fail with the versions compared neither here nor where the end is written: the last word came too early.
    """
    await trio.sleep(1000)
    entry = world.accept(age_seconds=300)
    world.cluster.change(WEB, **restarted(800), status=GOOD)
    behind = FakeIndex(world.cluster, lag_seconds=60, bookmark_seconds=5)

    async def not_yet(name: str) -> None:
        if name in ("read_new", "read_own", "claim"):
            raise BrokerUnavailable("away")

    await world.start(index=behind, journal=Troubled(FakeJournal(world.stream), before=not_yet))
    await trio.sleep(2)  # it holds the lease
    world.cluster.change(WEB, **restarted(900), status=ROLLING)
    await world.start(index=FakeIndex(world.cluster, bookmark_seconds=5))
    await world.settled(entry)
    await trio.sleep(20)
    assert said(world, entry)[0] == "progressing"
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(90)
    assert (world.state(entry), world.cluster.patches) == ("ready", [])


async def test_C2_an_older_event_that_left_it_to_this_one_shares_its_end(world, autojump_clock):
    """Seen to fail with the event alone told for which it was found served: the older one never ended."""
    world.cluster.refuse_always(WEB, ClusterUnavailable("503"))
    first = await world.start()
    older, newer = world.accept(ring=first), world.accept(ring=first)
    await trio.sleep(30)
    assert world.is_settled(older)
    await first.kill()
    await trio.sleep(100)
    followed = world.stream.group("default").followed
    del world.stream.groups["default"]
    world.stream.group("default").followed.update(followed)
    world.cluster.relent()
    world.cluster.change(WEB, **restarted(100), status=ROLLING)
    await world.start()
    await world.settled(newer)
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(10)
    assert (world.state(older), world.state(newer), world.cluster.patches) == ("ready", "ready", [])


async def test_C2_a_newer_event_that_its_restart_does_not_serve_restarts_it_for_both(world, autojump_clock):
    """Seen to fail with nothing restarted for a new group's backlog."""
    await trio.sleep(1000)
    older, newer = world.accept(age_seconds=300), world.accept(age_seconds=70)
    world.cluster.change(WEB, **restarted(), status=replace(GOOD, observed_generation=2))
    world.cluster.rolls_out = False
    await world.start()
    await world.settled(older, newer)
    assert len(world.cluster.patches) == 1
    assert world.targets(newer) == {"web": "progressing"}
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(10)
    assert (world.state(older), world.state(newer)) == ("ready", "ready")


async def test_C2_why_it_was_not_restarted_again_is_a_warning_to_the_end(world, autojump_clock):
    """Seen to fail without the warning."""
    pulled = (a_container(pull_policy="IfNotPresent"),)
    _, entry = await found(world, **restarted(), status=ROLLING, containers=pulled)
    world.cluster.change(WEB, status=GOOD)
    await trio.sleep(10)
    [target] = world.report(entry).targets.values()
    assert target.state == "ready"
    assert sorted(text.partition(":")[0] for text in target.warnings) == [
        "created or restarted after the event",
        "imagePullPolicy is not Always",
    ]


async def test_C2_an_event_all_of_whose_workloads_are_served_is_settled(world, autojump_clock, caplog):
    """Seen to fail with no outcome noted: the workers said no_match."""
    caplog.set_level("INFO")
    _, entry = await found(world, **restarted())
    assert world.said(entry).state == "settled"
    assert [record.fields["workload"] for record in caplog.records if record.message == "restart_covered"] == [WEB]
