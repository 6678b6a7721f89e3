"""I1 to I4 of docs/correctness.md, each seen to fail without its rule: the index before a fake API server."""

import math
import ssl
from functools import partial

import pytest
import trio

from krt.cluster.access import ApiServer
from krt.cluster.credentials import Credentials
from krt.cluster.object_errors import NotServed
from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.secured import Material, Secured
from krt.cluster.source import Access
from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.open import Cluster
from krt.cluster.workloads.wire import READERS
from krt.core.announce.image import complete
from krt.core.restart.times import format_time
from krt.daemon import root
from krt.dev.cluster import Fault, deployment
from krt.errors import BrokerUnavailable, ClusterDenied, ClusterRefused, ClusterUnavailable, VersionExpired
from krt.proxies import proxies_of
from krt.settings.load import load
from krt.worker.hand import FRESH_SECONDS, ROLLOUT_SECONDS
from tests.fakes.api import FakeApi
from tests.fakes.index import FakeIndex
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.stand_in import standing_in
from tests.fakes.trouble import Troubled
from tests.fakes.values import NOW, a_workload, an_envelope
from tests.worker.accepting import KEYS, accept
from tests.worker.workers import WEB

SECURED = Secured(ssl.create_default_context())
SERVER = ApiServer("https://api", (), SECURED, proxies_of({}))
CREDENTIALS = Credentials(None, Access(SERVER.url, None, Material()), SECURED)
SHOP = complete("ghcr.io/acme/shop")
DENIED, AWAY = ClusterDenied("403"), ClusterUnavailable("503")


def shop(name: str, namespace: str = "shop", image: str = "ghcr.io/acme/shop:dev"):
    return deployment(name, namespace, image)


def names(index) -> set[str]:
    return {workload.key.name for workload in index.running(SHOP)}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(shop("a"), shop("b"), shop("c"))


@pytest.fixture
def follow(nursery):
    """Follow scopes (None: all namespaces) before an API server."""

    def begin(api: FakeApi, *namespaces: str | None) -> Cluster:
        scopes = tuple(Scope(READERS["Deployment"], namespace) for namespace in namespaces or (None,))
        cluster = Cluster(SERVER, api, WorkloadIndex(), scopes, CREDENTIALS)
        for scope in scopes:
            nursery.start_soon(reflect, scope, api, cluster.index)
        return cluster

    return begin


# I1


async def test_I1_nothing_is_read_from_the_journal_before_the_first_whole_list(client, endpoint, tmp_path):
    """Seen to fail with wait_listed removed: the event was `no_match`."""
    await accept(client)
    async with standing_in(tmp_path) as stand_in, trio.open_nursery() as nursery:
        stand_in.cluster.add(shop("web"))
        stand_in.cluster.faults.add(Fault(status=503, verb="list"), times=None)
        settings = load(
            "worker",
            {},
            {
                "VALKEY_ADDR": f"unix://{endpoint.address.path}",
                "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/",
                "KUBECONFIG": str(stand_in.kubeconfig),
                "KRT_ADMIN_ADDR": "127.0.0.1:0",
            },
        )
        await nursery.start(partial(root.run, settings))
        await until_on_wall_clock(lambda: stand_in.calls("list") > 1)
        assert await client.call("EXISTS", KEYS.journal) == 1
        assert await client.call("XINFO", "GROUPS", KEYS.journal) == []
        stand_in.cluster.faults.clear()
        await until_on_wall_clock(lambda: stand_in.calls("patch") == 1)
        nursery.cancel_scope.cancel()


async def test_I1_a_new_list_takes_nothing_out_before_it_is_complete(api, follow, autojump_clock):
    """Seen to fail with the index emptied first."""
    cluster = follow(api)
    await cluster.wait_listed()
    await trio.sleep(1)
    api.page_seconds = 1
    api.silent = True
    api.delete("b")
    api.put(shop("d"))
    seen = []
    for _ in range(300):
        await trio.sleep(0.5)
        seen += [names(cluster)] if names(cluster) not in seen else []
    assert seen == [{"a", "b", "c"}, {"a", "c", "d"}]


@pytest.mark.parametrize("call", ["list", "watch"])
@pytest.mark.parametrize(
    "error", [DENIED, AWAY, ClusterRefused("403: a policy"), VersionExpired("410")], ids=["denied", "5xx", "4xx", "410"]
)
async def test_I1_no_refusal_takes_anything_from_the_index(api, follow, autojump_clock, call, error):
    """Seen to fail with the scope emptied when it is denied, and when its version has expired."""
    cluster = follow(api)
    await cluster.wait_listed()
    await trio.sleep(1)
    if call == "list":
        api.refuse("watch", VersionExpired("410"), AWAY)
    api.refuse(call, error)
    api.end_watches()
    for _ in range(300):
        await trio.sleep(1)
        assert names(cluster) == {"a", "b", "c"}
    api.relent()
    api.delete("c")
    await trio.sleep(200)
    assert names(cluster) == {"a", "b"}


# I2


async def test_I2_a_watch_with_neither_change_nor_bookmark_is_cut_and_listed_anew(api, follow, autojump_clock):
    """Seen to fail with no end to the silence: the index was behind for ever, without an error."""
    cluster = follow(api)
    await cluster.wait_listed()
    await trio.sleep(1)
    api.silent = True
    api.put(shop("d"))
    await trio.sleep(125)
    assert api.calls["list"] == 1
    await trio.sleep(10)
    assert api.calls["list"] == 2
    assert names(cluster) == {"a", "b", "c", "d"}


async def test_I2_bookmarks_are_no_silence(api, follow, autojump_clock):
    """Seen to fail with a silence of 50 s."""
    cluster = follow(api)
    await cluster.wait_listed()
    await trio.sleep(1000)
    assert api.calls["list"] == 1


# I3


async def test_I3_a_workload_that_the_watch_tells_of_late_is_restarted_too(world, autojump_clock):
    """Seen to fail with an event closed as soon as it has nothing open: it was `no_match`."""
    world.cluster.delete(WEB)
    index = FakeIndex(world.cluster, lag_seconds=1.5, bookmark_seconds=60)
    worker = await world.start(index=index)
    world.cluster.put(a_workload())
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert len(world.cluster.patches) == 1
    assert world.state(entry) == "ready"


async def test_I3_a_workload_that_gains_the_image_late_is_restarted_too(world, autojump_clock):
    """Seen to fail with new workloads alone looked at."""
    world.cluster.change(WEB, containers=a_workload("ghcr.io/acme/shop:old").containers)
    worker = await world.start(index=FakeIndex(world.cluster, lag_seconds=1.5, bookmark_seconds=60))
    world.cluster.change(WEB, containers=a_workload("ghcr.io/acme/shop:dev").containers)
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert len(world.cluster.patches) == 1
    assert world.state(entry) == "ready"


async def test_I3_a_workload_created_after_the_event_needs_no_restart(world, autojump_clock):
    """Seen to fail with the time of creation not looked at."""
    world.cluster.delete(WEB)
    worker = await world.start(index=FakeIndex(world.cluster, lag_seconds=1.5, bookmark_seconds=60))
    entry = world.accept(ring=worker)
    await trio.sleep(1)
    world.cluster.put(a_workload(created_at=format_time(NOW.fromtimestamp(world.stream.now(), NOW.tzinfo))))
    await world.settled(entry)
    assert not world.cluster.patches


async def test_I3_a_change_of_what_matched_before_is_no_late_match(world, autojump_clock):
    """Seen to fail with each change of a match taken for a late one: what was refused was asked for again each time."""
    worker = await world.start(index=FakeIndex(world.cluster, lag_seconds=0.5, bookmark_seconds=60))
    world.cluster.refuse_always(WEB, ClusterRefused("422"))
    entry = world.accept(ring=worker)
    await trio.sleep(1)
    for replicas in range(2, 9):
        world.cluster.change(WEB, replicas=replicas)
    await world.settled(entry)
    assert world.cluster.calls == [("restart", WEB)]


@pytest.mark.parametrize("call_seconds", [0.0, 2.0], ids=["before-the-watch-tells", "after"])
@pytest.mark.parametrize("told", ["deleted-and-added", "listed-anew"])
async def test_I3_a_workload_that_was_recreated_before_the_event_is_restarted_too(
    world, autojump_clock, call_seconds, told
):
    """Seen to fail: it was skipped as "recreated", or restarted and never followed: `rolling` for ever."""
    world.cluster.call_seconds = call_seconds
    worker = await world.start(index=FakeIndex(world.cluster, lag_seconds=1, bookmark_seconds=60))
    if told == "deleted-and-added":
        world.cluster.delete(WEB)
    created_at = format_time(NOW.fromtimestamp(world.stream.now(), NOW.tzinfo))
    world.cluster.put(a_workload("ghcr.io/acme/shop:dev", uid="another", created_at=created_at))
    await trio.sleep(0.5)
    entry = world.accept(ring=worker)
    await world.settled(entry)
    assert len(world.cluster.patches) == 1
    assert world.state(entry) == "ready"
    await trio.sleep(70)
    assert not world.stream.group().followed


async def test_I3_a_dry_run_restarts_no_late_match_either(world, autojump_clock):
    """Seen to fail: a workload that came to match before the dry-run was acknowledged was restarted for it."""
    world.cluster.change(WEB, containers=a_workload("ghcr.io/acme/shop:old").containers)

    async def away(name: str) -> None:
        if name == "settle" and trio.current_time() < 10:
            raise BrokerUnavailable("away")

    await world.start(rollouts=Troubled(FakeRollouts(world.stream), before=away))
    entry = world.stream.accept(an_envelope(dry_run=True))
    await trio.sleep(7)
    world.cluster.change(WEB, containers=a_workload("ghcr.io/acme/shop:dev").containers)
    await world.settled(entry)
    assert not world.cluster.patches
    assert world.state(entry) == "done"


@pytest.mark.parametrize("heard", ["nothing", "bookmark", "change"])
async def test_I3_nothing_is_said_before_the_index_has_heard_of_later(world, autojump_clock, heard):
    """Seen to fail with an event closed at once, after two seconds whatever was heard, and by what was heard before."""
    bookmark_seconds = 10.0 if heard == "bookmark" else 1000.0
    other = world.cluster.put(a_workload("ghcr.io/acme/other:dev", key="Deployment shop/other"))
    worker = await world.start(index=FakeIndex(world.cluster, bookmark_seconds=bookmark_seconds))
    entry = world.accept("ghcr.io/acme/nobody", ring=worker)
    await trio.sleep(1.9)
    world.cluster.change(other.key, replicas=2)  # it may have happened before the event
    await trio.sleep(8)
    assert not world.is_settled(entry)
    assert world.state(entry) != "no_match"
    if heard == "change":
        world.cluster.change(other.key, replicas=3)
    await trio.sleep(3)
    assert world.is_settled(entry) == (heard != "nothing")
    assert (world.state(entry) == "no_match") == (heard != "nothing")


@pytest.mark.parametrize(("image", "patience_seconds"), [("nobody", 0), ("shop", ROLLOUT_SECONDS)])
async def test_I3_a_quiet_index_is_told_how_fresh_it_has_to_be_and_only_for_an_event(
    world, autojump_clock, image, patience_seconds
):
    """Seen to fail with the index never told: nothing was said before the next bookmark.

    A rollout's own changes are awaited first: an event that restarts something asks the cluster nothing.
    """
    index = FakeIndex(world.cluster, bookmark_seconds=1000)
    worker = await world.start(index=index)
    await trio.sleep(10)
    assert index.wanted_at == -math.inf
    began = trio.current_time()
    entry = world.accept(f"ghcr.io/acme/{image}", ring=worker)
    await trio.sleep(FRESH_SECONDS + patience_seconds - 0.5)
    assert index.wanted_at == -math.inf
    await trio.sleep(1)
    assert began + FRESH_SECONDS <= index.wanted_at < began + FRESH_SECONDS + 1
    assert not world.is_settled(entry)
    index.heard_at = index.wanted_at
    await trio.sleep(1)
    assert world.is_settled(entry)


async def test_I3_lists_bookmarks_and_changes_are_what_keeps_the_index_fresh(api, follow, autojump_clock):
    """Seen to fail with each of the three not noted, and with a list dated when it ended."""
    api.page_seconds = 1
    began = trio.current_time()
    cluster = follow(api)
    await cluster.wait_listed()
    assert cluster.fresh_at() == began
    await trio.sleep(10)
    api.put(shop("d"))
    await trio.sleep(1)
    changed_at = cluster.fresh_at()
    assert changed_at == trio.current_time() - 1
    await trio.sleep(65)
    assert cluster.fresh_at() == changed_at + 60


# I4


@pytest.mark.parametrize("error", [DENIED, NotServed("404")], ids=["denied", "not served"])
async def test_I4_a_namespace_that_may_not_be_listed_delays_no_other(follow, autojump_clock, error):
    """Seen to fail with every scope waited for, and with the denied one asked how fresh it is.

    So it is with a kind that the cluster does not serve; seen to fail with NotServed taken for an outage.
    """
    api = FakeApi(shop("a"), shop("b", "secret"))
    api.refuse("list", error, namespace="secret")
    cluster = follow(api, "shop", "secret")
    with trio.fail_after(60):
        await cluster.wait_listed()
    assert names(cluster) == {"a"}
    await trio.sleep(300)
    assert cluster.fresh_at() > trio.current_time() - 61


async def test_I4_a_namespace_that_may_not_be_listed_is_reported(follow, autojump_clock):
    """Seen to fail with its problem not noted."""
    api = FakeApi(shop("a"), shop("b", "secret"))
    api.refuse("list", DENIED, namespace="secret")
    cluster = follow(api, "shop", "secret")
    await trio.sleep(1)
    assert cluster.problems() == ("deployments in secret: 403",)


async def test_I4_a_namespace_that_is_out_of_reach_for_a_moment_is_waited_for(follow, autojump_clock):
    """Seen to fail with any failure taken for a denial: events closed while the namespace was not known."""
    api = FakeApi(shop("a"), shop("b", "other"))
    api.refuse("list", AWAY, namespace="other")
    cluster = follow(api, "shop", "other")
    with trio.move_on_after(300) as scope:
        await cluster.wait_listed()
    assert scope.cancelled_caught
    api.relent()
    await cluster.wait_listed()
    assert names(cluster) == {"a", "b"}


async def test_I4_where_everything_is_denied_nothing_is_taken_for_known(follow, autojump_clock):
    """Seen to fail with denied scopes left out even if all of them are."""
    api = FakeApi(shop("a"))
    api.refuse("list", DENIED)
    cluster = follow(api)
    with trio.move_on_after(300) as scope:
        await cluster.wait_listed()
    assert scope.cancelled_caught
    assert cluster.fresh_at() < 0
