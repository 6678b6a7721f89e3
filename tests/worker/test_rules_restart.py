"""R1 to R6 of docs/correctness.md, each seen to fail without its rule: workers among fakes."""

from dataclasses import replace
from datetime import timedelta

import pytest
import trio

from krt.cluster.refusal import refusal
from krt.cluster.wire import Status
from krt.cluster.workloads.open import open_cluster
from krt.core.announce.event_id import EventId
from krt.core.ports.workloads import Stamp
from krt.core.restart.mark import parse_mark
from krt.core.restart.times import format_time
from krt.dev.cluster import deployment
from krt.errors import BrokerUnavailable, ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict, VersionExpired
from tests.fakes.index import FakeIndex
from tests.fakes.journal import FakeJournal
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.stand_in import standing_in
from tests.fakes.trouble import Troubled
from tests.fakes.values import NOW, a_mark, a_workload
from tests.worker.workers import RULES, WEB

GOING_SINCE = "2026-11-20T12:00:00Z"
DENIED, REFUSED, AWAY = ClusterDenied("403"), ClusterRefused("422"), ClusterUnavailable("503")


def ago(seconds: float) -> str:
    return format_time(NOW - timedelta(seconds=seconds))


# R1


async def test_R1_a_mark_left_behind_by_a_reverted_template_is_not_believed(world, autojump_clock):
    """Seen to fail with the comparison of the two times removed: old pods ran on, and the event counted as done."""
    entry = world.accept()
    world.cluster.change(WEB, mark=a_mark(entry, restarted_at=ago(10)), restarted_at=ago(3600))
    await world.start()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1


async def test_R1_a_restart_that_somebody_undoes_while_its_event_is_open_is_made_again(world, autojump_clock):
    """Seen to fail with changes of the index not looked at for it."""
    worker = await world.start()
    entry = world.accept(ring=worker)
    await trio.sleep(10)
    world.cluster.change(WEB, restarted_at=None)
    await world.settled(entry)
    assert [patch.at for patch in world.cluster.patches] == [0, 10]
    assert world.targets(entry) == {"web": "ready"}


async def test_R1_against_a_writer_who_insists_it_is_made_again_twice(world, autojump_clock, nursery):
    """Seen to fail with no end to it: 12 restarts in a minute."""
    index = FakeIndex(world.cluster, bookmark_seconds=60)
    index.stale = True  # the event stays open
    worker = await world.start(index=index)
    world.cluster.rolls_out = False
    nursery.start_soon(_insist, world)
    entry = world.accept(ring=worker)
    await trio.sleep(60)
    index.stale = False
    await world.settled(entry)
    nursery.cancel_scope.cancel()
    assert len(world.cluster.patches) == 3
    assert world.report(entry).targets["default", WEB].reason == "restart undone by another writer"


async def test_R1_an_undone_restart_is_made_again_once_however_often_it_is_heard_of(world, autojump_clock):
    """Seen to fail with marks not remembered: whatever the watch said of the reverted object led to another call."""
    index = FakeIndex(world.cluster, lag_seconds=1, bookmark_seconds=60)
    index.stale = True  # the event stays open
    worker = await world.start(index=index)
    entry = world.accept(ring=worker)
    await trio.sleep(10)
    world.cluster.change(WEB, restarted_at=None)
    for replicas in range(2, 8):
        await trio.sleep(0.1)
        world.cluster.change(WEB, replicas=replicas)  # all of it before the first is heard of
    await trio.sleep(10)
    index.stale = False
    await world.settled(entry)
    assert [call for call, _ in world.cluster.calls] == ["restart", "restart", "read", "restart"]  # one conflict


async def test_R1_whoever_takes_the_mark_back_too_has_his_way(world, autojump_clock):
    """Seen to fail with any earlier time taken for undone (`kubectl rollout undo` takes back both)."""
    worker = await world.start()
    entry = world.accept(ring=worker)
    await trio.sleep(10)
    world.cluster.change(WEB, restarted_at=None, mark=None)
    await world.settled(entry)
    assert len(world.cluster.patches) == 1


async def test_R1_patches_are_krts_own_in_managed_fields_and_change_nothing_else(tmp_path):
    """Seen to fail without fieldManager, and with a field more in the patch."""
    async with standing_in(tmp_path) as stand_in:
        stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
        before = stand_in.document("web")
        async with open_cluster(stand_in.kubeconfig, kinds=("Deployment",), namespaces=(), calls_at_once=4) as cluster:
            workload = await cluster.read(WEB)
            await cluster.restart(workload, Stamp(ago(0), a_mark(), "acme/shop", EventId(1, 0)))
        after = stand_in.document("web")
        assert [seen.query for seen in stand_in.seen if seen.method == "PATCH"] == ["fieldManager=krt"]
    assert "krt" in [field["manager"] for field in after["metadata"]["managedFields"]]
    template = after["spec"]["template"]
    assert template["metadata"].pop("annotations") == {"kubectl.kubernetes.io/restartedAt": ago(0)}
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"] | {
        "krt/event": a_mark(),
        "krt/cause": "acme/shop",
    }


# R2


@pytest.mark.parametrize("workers", [1, 2, 8])
async def test_R2_a_burst_is_two_restarts_however_many_workers_there_are(world, autojump_clock, workers):
    """Seen to fail with the event's own id in the mark: three restarts with two workers, more with eight."""
    running = [await world.start() for _ in range(workers)]
    for number in range(40):
        world.accept(ring=running[number % workers])
        await trio.sleep(0.01)
    await world.settled()
    assert len(world.cluster.patches) == 2


async def test_R2_a_restart_covers_whatever_was_accepted_before_it(world, autojump_clock):
    """Seen to fail with the event's own id in the mark."""
    world.accept()
    newest = world.accept("ghcr.io/acme/other")
    await world.start()
    await world.settled()
    assert parse_mark(world.cluster.objects[WEB].mark).covers == newest


async def test_R2_the_cause_is_the_event_that_the_restart_was_made_for(world, autojump_clock):
    """Seen to fail with an empty cause."""
    world.accept()
    await world.start()
    await world.settled()
    (patch,) = world.cluster.patches
    assert patch.stamp.cause.startswith("image=ghcr.io/acme/shop:dev actor=octocat repository=acme/shop ref=refs/heads")


async def test_R2_without_valkey_a_restart_covers_what_its_worker_has_seen(world, autojump_clock):
    """Seen to fail with `seen` removed: the event was restarted for again when Valkey was back."""
    first = await world.start()
    await world.settled(world.accept(ring=first))
    await trio.sleep(10)
    away = []

    async def lose(name: str) -> None:
        if away and name in {"position", "settle"}:
            raise BrokerUnavailable("away")

    first.journal.before = first.rollouts.before = lose
    away.append(True)
    entry = world.accept(ring=first)
    await trio.sleep(1)
    assert len(world.cluster.patches) == 2
    assert parse_mark(world.cluster.objects[WEB].mark).covers == entry
    await first.kill()
    await world.start()
    await world.settled(entry)
    assert len(world.cluster.patches) == 2


async def test_R2_who_has_never_heard_where_the_journal_stands_waits_for_it(world, autojump_clock):
    """Seen to fail with BrokerUnavailable not caught: the event was `failed: internal`."""
    back = trio.Event()

    async def lose(name: str) -> None:
        if name == "position" and not back.is_set():
            raise BrokerUnavailable("away")

    await world.start(journal=Troubled(FakeJournal(world.stream), before=lose))
    entry = world.accept()
    await trio.sleep(100)
    back.set()
    await world.settled(entry)
    assert world.targets(entry) == {"web": "ready"}


async def test_R2_who_is_cut_off_from_valkey_doubts_no_mark_that_is_newer_than_it_knows(world, autojump_clock):
    """Seen to fail with a mark of the future ignored on the word of an old position: a second restart for one event."""
    cut_off = trio.Event()

    async def away(_: str) -> None:
        if cut_off.is_set():
            raise BrokerUnavailable("away")

    async def unreachable(_: str) -> None:
        if trio.current_time() < 60:
            raise AWAY

    first = await world.start(cluster=Troubled(world.cluster, before=unreachable))
    first.journal.before = first.rollouts.before = away
    entry = world.accept(ring=first)
    await trio.sleep(1)
    cut_off.set()
    await world.start()
    await trio.sleep(10)
    world.accept("ghcr.io/acme/other")  # the mark of the other worker's restart covers it, too
    await world.settled(entry)
    await trio.sleep(120)
    assert len(world.cluster.patches) == 1


# R3


@pytest.mark.parametrize(
    ("restarted_at", "seconds"),
    [(None, 0), (ago(3), 2), (ago(5), 0), (ago(3600), 0), (ago(-3), 5), (ago(-3600), 5), ("yesterday", 0)],
    ids=["never", "lately", "long-enough-ago", "long-ago", "future", "far-future", "unreadable"],
)
async def test_R3_the_interval_counts_from_what_the_object_says(world, autojump_clock, restarted_at, seconds):
    """Seen to fail with an interval that the worker counts for itself, and with a time of the future not clamped."""
    world.cluster.change(WEB, restarted_at=restarted_at)
    world.accept()
    await world.start()
    await world.settled()
    assert [patch.at for patch in world.cluster.patches] == [pytest.approx(seconds, abs=0.001)]


@pytest.mark.parametrize(
    "change",
    [
        {"opt": "disabled"},
        {"containers": a_workload("ghcr.io/acme/shop:stable").containers},
        {"uid": "another", "created_at": "2026-11-20T12:00:02Z"},
    ],
    ids=["opted-out", "other-tag", "recreated"],
)
async def test_R3_at_the_end_of_the_interval_match_and_opt_out_are_decided_again(world, autojump_clock, change):
    """Seen to fail with the match not made again, and with the uid not compared."""
    world.cluster.change(WEB, restarted_at=ago(1))
    entry = world.accept()
    await world.start(index=FakeIndex(world.cluster, bookmark_seconds=60))
    await trio.sleep(2)
    world.cluster.change(WEB, **change)
    await world.settled(entry)
    assert not world.cluster.patches


async def test_R3_at_the_end_of_the_interval_the_mark_is_decided_again(world, autojump_clock):
    """Seen to fail with the mark not looked at."""
    world.cluster.change(WEB, restarted_at=ago(1))
    entry = world.accept()
    await world.start()
    await trio.sleep(2)
    world.cluster.change(WEB, restarted_at=ago(-2), mark=a_mark(entry, restarted_at=ago(-2)))
    await world.settled(entry)
    assert not world.cluster.patches


# R4


async def test_R4_an_edit_between_decision_and_patch_is_kept(world, autojump_clock):
    """Seen to fail with Conflict not caught."""
    edited = []

    async def edit(name: str) -> None:
        if name == "restart" and not edited:
            edited.append(world.cluster.change(WEB, replicas=7))

    entry = world.accept()
    await world.start(cluster=Troubled(world.cluster, before=edit))
    await world.settled(entry)
    assert world.cluster.objects[WEB].replicas == 7
    assert len(world.cluster.patches) == 1


async def test_R4_an_object_that_has_changed_refuses_the_patch(tmp_path):
    """Seen to fail with the resource version left out of the patch."""
    async with standing_in(tmp_path) as stand_in:
        stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
        async with open_cluster(stand_in.kubeconfig, kinds=("Deployment",), namespaces=(), calls_at_once=4) as cluster:
            workload = await cluster.read(WEB)
            stand_in.cluster.patch(
                "Deployment", "shop", "web", {"metadata": {"annotations": {"krt/restart": "disabled"}}}
            )
            with pytest.raises(Conflict):
                await cluster.restart(workload, Stamp(ago(0), a_mark(), "acme/shop", EventId(1, 0)))


async def test_R4_against_a_writer_who_is_always_faster_there_is_no_backoff(world, autojump_clock):
    """Seen to fail with 409 taken for any other failure: it took more than a minute."""
    world.cluster.call_seconds = 0.01
    tries = []

    async def edit(name: str) -> None:
        if name == "restart" and len(tries) < 50:
            tries.append(world.cluster.change(WEB, replicas=len(tries)))

    world.accept()
    await world.start(cluster=Troubled(world.cluster, before=edit))
    await world.settled()
    assert len(tries) == 50
    assert [patch.at for patch in world.cluster.patches] == [pytest.approx(51 * 0.01 + 50 * 0.01, abs=0.2)]


async def test_R4_after_a_conflict_the_object_counts_and_not_the_index(world, autojump_clock):
    """Seen to fail with the index asked: it never hears of the edit here."""
    index = FakeIndex(world.cluster, lag_seconds=100, bookmark_seconds=60)
    world.cluster.change(WEB, replicas=7)
    entry = world.accept()
    await world.start(index=index)
    await trio.sleep(1)
    assert [patch.at for patch in world.cluster.patches] == [0]
    await world.settled(entry)


@pytest.mark.parametrize(
    ("change", "patches"),
    [({"uid": "another"}, 0), ({"opt": "disabled"}, 0), ({"replicas": 7}, 1)],
    ids=["recreated", "opted-out", "scaled"],
)
async def test_R4_after_a_conflict_matching_and_uid_are_decided_again(world, autojump_clock, change, patches):
    """Seen to fail with the uid not compared, and with the match not made again."""
    index = FakeIndex(world.cluster, lag_seconds=5, bookmark_seconds=60)
    world.cluster.change(WEB, **change)
    world.accept()
    await world.start(index=index)
    await trio.sleep(4)
    assert len(world.cluster.patches) == patches


# R5


@pytest.mark.parametrize("call", ["read", "restart"])
async def test_R5_an_api_server_that_denies_everybody_for_a_moment_is_waited_for(world, autojump_clock, call):
    """Seen to fail with a denial settled at once."""
    world.cluster.refuse_always(WEB, DENIED, call=call)
    world.cluster.refuse(WEB, Conflict("409"))
    entry = world.accept()
    await world.start()
    await trio.sleep(50)
    assert not world.cluster.patches
    world.cluster.relent()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1


async def test_R5_who_denies_for_longer_than_a_minute_means_it(world, autojump_clock):
    """Seen to fail with denials tried for as long as outages."""
    world.cluster.refuse_always(WEB, DENIED)
    entry = world.accept()
    await world.start()
    await trio.sleep(59)
    assert world.targets(entry) == {"web": "waiting"}
    await world.settled(entry, within_seconds=140)
    assert world.targets(entry) == {"web": "failed"}


async def test_R5_after_an_outage_the_minute_of_denials_begins_anew(world, autojump_clock):
    """Seen to fail with the denials before the outage counted: a starting server denies everybody."""
    world.cluster.refuse_always(WEB, DENIED)
    entry = world.accept()
    await world.start()
    for error in (DENIED, AWAY, DENIED):
        world.cluster.relent()
        world.cluster.refuse_always(WEB, error)
        await trio.sleep(40)
    assert world.targets(entry) == {"web": "waiting"}


@pytest.mark.parametrize("call", ["restart", "read"])
async def test_R5_an_api_server_that_calls_the_version_too_old_is_asked_again(world, autojump_clock, call):
    """Seen to fail with VersionExpired not caught: `failed: internal` at the first try."""
    world.cluster.refuse_always(WEB, VersionExpired("410"), call=call)
    world.cluster.refuse(WEB, Conflict("409"))
    entry = world.accept()
    await world.start()
    await trio.sleep(50)
    assert world.targets(entry) == {"web": "waiting"}
    world.cluster.relent()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1


@pytest.mark.parametrize("how", [{"deleted_at": GOING_SINCE}, {"namespace_deleted_at": GOING_SINCE}, None, "recreated"])
async def test_R5_where_the_rights_go_with_the_namespace_what_the_index_hears_ends_the_trying(
    world, autojump_clock, how
):
    """Nothing can be read there any more. Seen to fail with the index not asked: `failed: 403` after a minute."""
    for call in ("read", "restart"):
        world.cluster.refuse_always(WEB, DENIED, call=call)
    entry = world.accept()
    await world.start()
    await trio.sleep(3)
    if isinstance(how, dict):
        world.cluster.change(WEB, **how)
    else:
        world.cluster.delete(WEB)
    if how == "recreated":
        world.cluster.put(a_workload(uid="another", created_at=format_time(NOW + timedelta(seconds=3))))
    await trio.sleep(20)
    assert world.targets(entry) == {"web": "skipped"}
    assert "delete" in world.report(entry).targets["default", WEB].reason


async def test_R5_a_refusal_with_a_reason_is_settled_at_once(world, autojump_clock):
    """Seen to fail with refusals tried again."""
    world.cluster.refuse_always(WEB, REFUSED)
    entry = world.accept()
    await world.start()
    await world.settled(entry)
    assert len(world.cluster.calls) == 1
    assert world.report(entry).targets["default", WEB].reason == "422"


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (401, "Unauthorized", ClusterDenied),
        (403, 'deployments.apps "web" is forbidden: User "krt" cannot patch resource "deployments"', ClusterDenied),
        (403, "", ClusterDenied),
        (403, 'User "krt" cannot list resource "deployments" in API group "apps"', ClusterDenied),
        (403, 'admission webhook "policy.example.com" denied the request: no', ClusterRefused),
        (403, 'admission webhook "policy.example.com" denied the request: User "krt" cannot do this', ClusterRefused),
        (403, 'pods "web" is forbidden: exceeded quota: compute', ClusterRefused),
        (401, 'admission webhook "policy.example.com" denied the request: no', ClusterRefused),
        (404, 'admission webhook "policy.example.com" denied the request: no', ClusterRefused),
        (409, 'admission webhook "policy.example.com" denied the request: no', ClusterRefused),
        (410, 'admission webhook "policy.example.com" denied the request: no', ClusterRefused),
        (
            401,
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            ClusterRefused,
        ),
        (422, "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", ClusterRefused),
        (400, "admission webhook denied the request", ClusterRefused),
        (429, "", ClusterUnavailable),
        (500, "failed calling webhook", ClusterUnavailable),
    ],
)
def test_R5_a_denial_is_told_from_a_refusal_by_its_words(code, message, error):
    """Seen to fail with every 403 a denial, and with every 403 a refusal."""
    assert isinstance(refusal(code, Status(message=message)), error)


# R6


async def test_R6_containers_and_tags_of_one_event_are_one_restart(world, autojump_clock):
    """Holds by construction: a workload is one key. Seen to fail with a patch for each tag."""
    world.cluster.put(a_workload("ghcr.io/acme/shop:dev", "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:dev"))
    world.accept("ghcr.io/acme/shop", "dev", "v1")
    await world.start()
    await world.settled()
    assert len(world.cluster.patches) == 1


async def test_R6_images_of_one_moment_are_one_restart(world, autojump_clock):
    """Seen to fail with the event's own id in the mark."""

    async def dawdle(name: str) -> None:
        if name == "record":  # the first event is restarted for before the next is looked at
            await trio.sleep(0.5)

    world.cluster.put(a_workload("ghcr.io/acme/shop:dev", "ghcr.io/acme/proxy:dev", "ghcr.io/acme/log:dev"))
    for image in ("shop", "proxy", "log"):
        world.accept(f"ghcr.io/acme/{image}")
    await world.start(rollouts=Troubled(FakeRollouts(world.stream), before=dawdle))
    await world.settled()
    assert len(world.cluster.patches) == 1


# No rule of its own: one bad workload delays no other.


@pytest.mark.parametrize(
    "error",
    [DENIED, REFUSED, AWAY, ClusterUnavailable("429", retry_after_seconds=300), Conflict("409"), ZeroDivisionError()],
    ids=["403", "422", "503", "429", "409", "bug"],
)
async def test_a_workload_whose_patch_always_fails_delays_no_other(world, autojump_clock, error):
    """Seen to fail with workloads settled one after another."""
    world.cluster.call_seconds = 0.1
    good = [world.cluster.put(a_workload(key=f"Deployment shop/z-good-{number}")) for number in range(30)]
    world.cluster.refuse_always(WEB, error)
    world.accept()
    await world.start(rules=replace(RULES, max_seconds=300))
    await trio.sleep(3)
    assert {patch.key for patch in world.cluster.patches} == {workload.key for workload in good}
    world.cluster.relent()
    await world.settled()


async def test_a_workload_whose_patch_hangs_delays_no_other(world, autojump_clock):
    """Seen to fail with workloads settled one after another."""
    good = [world.cluster.put(a_workload(key=f"Deployment shop/z-good-{number}")) for number in range(30)]

    class Hanging(Troubled):
        async def restart(self, workload, stamp):
            if workload.key == WEB and not finished:
                await trio.sleep(10)
                raise ClusterUnavailable("no answer within 10 s")
            return await world.cluster.restart(workload, stamp)

    finished: list[bool] = []
    world.accept()
    await world.start(cluster=Hanging(world.cluster))
    await trio.sleep(9)
    assert {patch.key for patch in world.cluster.patches} == {workload.key for workload in good}
    finished.append(True)
    await world.settled()
    assert len(world.cluster.restarts(WEB)) == 1


async def _insist(world) -> None:
    """Revert every restart, a second later."""
    while True:
        await trio.sleep(1)
        if world.cluster.objects[WEB].restarted_at:
            world.cluster.change(WEB, restarted_at=None)
