"""A quiet cluster says within seconds that nothing has changed, when somebody wants to know; and only then is asked."""

from copy import deepcopy
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.cluster.workloads.open import Cluster, open_cluster
from krt.dev.cluster import Fault, deployment
from krt.dev.cluster.kinds import DEPLOYMENT
from tests.fakes.pace import hurried, slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, key, repository, standing_in

SHOP, BLOG = "ghcr.io/acme/shop", "ghcr.io/acme/blog"


@pytest.fixture
async def quiet(tmp_path):
    """With a bookmark a minute, as the real server has them."""
    async with standing_in(tmp_path, bookmark_seconds=60) as stand_in:
        stand_in.cluster.add(deployment("web", "shop", f"{SHOP}:dev"))
        stand_in.cluster.add(deployment("other", "shop", "ghcr.io/acme/other:dev"))
        yield stand_in


def opened(stand_in: StandIn, *namespaces: str):
    return open_cluster(stand_in.kubeconfig, kinds=("Deployment",), namespaces=namespaces, calls_at_once=4)


def something_else(stand_in: StandIn) -> None:
    """Happens, as it does all the time in a cluster: the newest version is not that of any Deployment."""
    stand_in.cluster.store.create({"kind": "Namespace", "metadata": {"name": f"n{stand_in.cluster.store.number}"}})


async def follow(cluster: Cluster) -> None:
    await cluster.wait_listed()
    await until_on_wall_clock(lambda: not cluster.problems())


def most_lists(wanted_at: float) -> float:
    """The first list, one question at `wanted_at`, and one every two seconds since.

    On a busy machine a short watch may begin so late that it ends without a bookmark. Then krt rightly asks once more.
    """
    return 2 + (trio.current_time() - wanted_at) / 2


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_who_wants_to_know_hears_within_seconds(quiet, clock: MockClock, elsewhere: bool):
    clock.rate = hurried(10)
    async with opened(quiet) as cluster:
        await follow(cluster)
        if elsewhere:
            something_else(quiet)
        wanted_at = trio.current_time() + 2
        cluster.want_fresh(wanted_at)
        await until_on_wall_clock(lambda: cluster.fresh_at() >= wanted_at)
        assert trio.current_time() < wanted_at + slack(15)
        lists, watches = quiet.calls("list"), quiet.calls("watch")
        assert 2 <= lists <= most_lists(wanted_at)
        assert watches == (lists if elsewhere else 1)
        assert [workload.key for workload in cluster.running(repository(SHOP))] == [key("web")]


async def test_nobody_is_asked_before_the_moment_or_where_something_was_heard(quiet, clock: MockClock):
    async with opened(quiet) as cluster:
        await follow(cluster)
        cluster.want_fresh(cluster.fresh_at())
        cluster.want_fresh(trio.current_time() + 120)
        clock.jump(100)
        await wait_all_tasks_blocked(0.05)
        assert (quiet.calls("list"), quiet.calls("watch")) == (1, 1)


async def test_however_often_somebody_wants_to_know_it_is_asked_every_few_seconds_at_most(quiet, clock: MockClock):
    clock.rate = hurried(10)
    async with opened(quiet) as cluster:
        await follow(cluster)
        began = trio.current_time()
        while trio.current_time() < began + 30:
            something_else(quiet)
            cluster.want_fresh(trio.current_time() - 0.1)
            await trio.sleep(0.2)
            assert quiet.cluster.open_watches <= 3  # one is of the namespaces
        assert 3 <= quiet.calls("watch") <= 16
        assert quiet.calls("list") <= 16


async def test_a_watch_that_is_behind_is_not_taken_for_fresh(quiet, clock: MockClock):
    """The second watch tells of a change that the first has yet to tell."""
    clock.rate = hurried(10)
    async with opened(quiet) as cluster:
        await follow(cluster)
        quiet.cluster.store.table(DEPLOYMENT).watches.clear()
        quiet.set_image("web", f"{BLOG}:dev")
        wanted_at = trio.current_time()
        cluster.want_fresh(wanted_at)
        await until_on_wall_clock(lambda: quiet.calls("watch") >= 3)
        assert cluster.fresh_at() < wanted_at
        assert cluster.running(repository(BLOG)) == ()


def _another_image(quiet: StandIn) -> None:
    quiet.set_image("web", f"{BLOG}:dev")


def _deleted(quiet: StandIn) -> None:
    quiet.cluster.delete("Deployment", "shop", "web")


def _created(quiet: StandIn) -> None:
    quiet.cluster.add(deployment("young", "shop", f"{BLOG}:dev"))


def _created_elsewhere(quiet: StandIn) -> None:
    quiet.cluster.add(deployment("young", "blog", f"{BLOG}:dev"))


@pytest.mark.parametrize("namespaces", [(), ("shop",)], ids=["everywhere", "one namespace"])
@pytest.mark.parametrize("lost", [_another_image, _deleted, _created, _created_elsewhere, something_else])
async def test_I3_a_server_that_went_back_is_listed_anew_before_anything_counts_as_heard(
    quiet, clock: MockClock, lost, namespaces
):
    """etcd was restored from a copy, and a Deployment made after that. Seen to fail with a list that is older than the
    index taken for one that has nothing new: for two minutes the Deployment was not known, and `no_match` said."""
    clock.rate = hurried(10)
    copy = deepcopy(quiet.cluster.store)
    async with opened(quiet, *namespaces) as cluster:
        await follow(cluster)
        lost(quiet)
        for _ in range(10):
            something_else(quiet)
        quiet.cluster.patch("Deployment", "shop", "other", {"metadata": {"labels": {"seen": "last"}}})
        await until_on_wall_clock(
            lambda: max(int(scope.state.version or 0) for scope in cluster.scopes) >= quiet.cluster.store.number
        )
        quiet.cluster.end_watches()
        quiet.cluster.store = copy
        quiet.cluster.add(deployment("late", "shop", f"{SHOP}:dev"))
        wanted_at = trio.current_time() + 2
        cluster.want_fresh(wanted_at)
        await until_on_wall_clock(lambda: cluster.fresh_at() >= wanted_at)
        assert {workload.key.name for workload in cluster.running(repository(SHOP))} == {"web", "late"}
        assert cluster.running(repository(BLOG)) == ()
        assert trio.current_time() < wanted_at + slack(15)


@pytest.mark.parametrize(
    "fault", [Fault(status=410), Fault(status=403), Fault(status=500), Fault(status=404), Fault(broken=True)]
)
@pytest.mark.parametrize("verb", ["list", "watch"])
async def test_an_answer_that_says_nothing_is_asked_for_again_and_harms_nothing(
    quiet, clock: MockClock, fault: Fault, verb: str
):
    clock.rate = hurried(10)
    async with opened(quiet) as cluster:
        await follow(cluster)
        something_else(quiet)
        quiet.cluster.faults.add(replace(fault, verb=verb, resource="deployments"), times=2)
        wanted_at = trio.current_time()
        cluster.want_fresh(wanted_at)
        await until_on_wall_clock(lambda: cluster.fresh_at() >= wanted_at)
        assert (quiet.calls("list") <= most_lists(wanted_at), cluster.problems()) == (True, ())


async def test_every_namespace_is_asked(quiet, clock: MockClock):
    clock.rate = hurried(10)
    for name in ("one", "two"):
        quiet.cluster.add(deployment("web", name, f"{SHOP}:dev"))
    async with opened(quiet, "shop", "one", "two") as cluster:
        await follow(cluster)
        something_else(quiet)
        wanted_at = trio.current_time()
        cluster.want_fresh(wanted_at)
        await until_on_wall_clock(lambda: cluster.fresh_at() >= wanted_at)


@pytest.mark.parametrize(
    "garbage", [b"upstream connect error\n", b'{"type":"ADDED","object":5}\n', b'{"type":"BOOKMARK","object":{}}\n']
)
async def test_a_watch_that_sends_garbage_says_nothing_and_harms_nothing(quiet, clock: MockClock, garbage: bytes):
    asked: list[bytes] = []

    async def app(scope, receive, send):
        if b"timeoutSeconds=3&" in scope.get("query_string", b"") + b"&" and len(asked) < 2:
            asked.append(scope["query_string"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": garbage, "more_body": False})
        else:
            await quiet.cluster(scope, receive, send)

    clock.rate = hurried(10)
    async with served(app) as url:
        quiet.kubeconfig.write_text(quiet.kubeconfig.read_text().replace(quiet.url, url))
        async with opened(quiet) as cluster:
            await follow(cluster)
            something_else(quiet)
            wanted_at = trio.current_time()
            cluster.want_fresh(wanted_at)
            await until_on_wall_clock(lambda: cluster.fresh_at() >= wanted_at)
            assert (len(asked), cluster.problems()) == (2, ())
