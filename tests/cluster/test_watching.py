"""The index as a watch keeps it, and what it does not take from trouble with the API server."""

from dataclasses import replace

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.cluster.workloads.open import Cluster, open_cluster
from krt.core.kube.object_key import ObjectKey
from krt.dev.cluster import Fault, deployment
from krt.dev.cluster.kinds import DEPLOYMENT
from tests.fakes.pace import hurried
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, key, repository, standing_in

SHOP, BLOG = "ghcr.io/acme/shop", "ghcr.io/acme/blog"


def opened(stand_in: StandIn):
    return open_cluster(stand_in.kubeconfig, kinds=("Deployment",), namespaces=(), calls_at_once=4)


def running(cluster: Cluster, image: str = SHOP) -> list[ObjectKey]:
    return [workload.key for workload in cluster.index.running(repository(image))]


async def follow(cluster: Cluster) -> None:
    """Until the watch is open."""
    await cluster.wait_listed()
    await until_on_wall_clock(lambda: not cluster.problems())


@pytest.fixture
def web(stand_in):
    stand_in.cluster.add(deployment("web", "shop", f"{SHOP}:dev"))
    return key("web")


async def test_what_is_added_changed_and_deleted_is_in_the_index_at_once(stand_in, web):
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.add(deployment("jobs", "shop", f"{SHOP}:dev"))
        await until_on_wall_clock(lambda: running(cluster) == [key("jobs"), web])
        stand_in.set_image("jobs", f"{BLOG}:dev")
        await until_on_wall_clock(lambda: (running(cluster), running(cluster, BLOG)) == ([web], [key("jobs")]))
        stand_in.delete("web")
        await until_on_wall_clock(lambda: running(cluster) == [])
        assert (stand_in.calls("list"), stand_in.calls("watch")) == (1, 1)


async def test_a_watch_that_ends_goes_on_where_it_ended(stand_in, web):
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.end_watches()
        stand_in.set_image("web", f"{BLOG}:dev")
        await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
        assert stand_in.calls("list") == 1


async def test_the_server_is_told_when_to_end_the_watch_and_to_send_bookmarks(stand_in, web):
    async with opened(stand_in) as cluster:
        await follow(cluster)
        query = dict(part.split("=") for part in stand_in.seen[-1].query.split("&"))
        assert (query["allowWatchBookmarks"], query["watch"]) == ("true", "true")
        assert query["resourceVersion"] == str(stand_in.cluster.store.number)
        assert 240 <= int(query["timeoutSeconds"]) <= 360


async def test_bookmarks_move_the_version_that_the_next_watch_begins_at(tmp_path):
    async with standing_in(tmp_path, bookmark_seconds=0.02) as stand_in:
        stand_in.cluster.add(deployment("web", "shop", f"{SHOP}:dev"))
        async with opened(stand_in) as cluster:
            await follow(cluster)
            stand_in.forget_history()
            version = str(stand_in.cluster.store.number)
            await until_on_wall_clock(lambda: cluster.scopes[0].state.version == version)
            stand_in.cluster.end_watches()
            await until_on_wall_clock(lambda: stand_in.calls("watch") == 2)
            assert f"resourceVersion={version}&" in stand_in.seen[-1].query
            assert stand_in.calls("list") == 1


async def test_a_watch_from_a_version_that_is_too_old_leads_to_a_new_list(stand_in, web):
    """On the real clock: on one that runs ahead, a list that is late on a loaded machine is asked for again."""
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.faults.add(
            Fault(status=503, verb="watch", resource="deployments")
        )  # what follows is not seen by this watch
        stand_in.cluster.end_watches()
        await until_on_wall_clock(lambda: stand_in.calls("watch") == 2)
        stand_in.set_image("web", f"{BLOG}:dev")
        stand_in.forget_history()
        await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
        assert (running(cluster), stand_in.calls("list")) == ([], 2)


async def test_a_new_list_takes_in_what_was_deleted_meanwhile(stand_in, web, clock: MockClock):
    clock.rate = hurried(10)
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.faults.add(Fault(status=503, verb="watch", resource="deployments"))
        stand_in.cluster.end_watches()
        await until_on_wall_clock(lambda: stand_in.calls("watch") == 2)
        stand_in.delete("web")
        stand_in.forget_history()
        await until_on_wall_clock(lambda: running(cluster) == [])


async def test_a_watch_cut_in_the_middle_of_an_object_loses_nothing(stand_in, web, clock: MockClock):
    clock.rate = hurried(10)
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.faults.cut_watches = True
        stand_in.set_image("web", f"{BLOG}:dev")
        await until_on_wall_clock(lambda: stand_in.calls("watch") >= 2)
        assert running(cluster, BLOG) == []
        stand_in.cluster.faults.cut_watches = False
        await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
        assert stand_in.calls("list") == 1


async def test_a_silent_watch_is_cut_and_everything_listed_anew(stand_in, web, clock: MockClock):
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.faults.silent_watches = True
        stand_in.set_image("web", f"{BLOG}:dev")
        await wait_all_tasks_blocked(0.02)
        clock.jump(129)
        await wait_all_tasks_blocked(0.02)
        assert stand_in.calls("list") == 1
        stand_in.cluster.faults.silent_watches = False
        clock.jump(2)
        await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
        assert stand_in.calls("list") == 2


async def test_bookmarks_are_no_silence(stand_in, web, clock: MockClock):
    stand_in.cluster._bookmark_seconds = 60
    async with opened(stand_in) as cluster:
        await follow(cluster)
        for _ in range(3):
            stand_in.cluster.store.create(
                {"kind": "Namespace", "metadata": {"name": f"n{stand_in.cluster.store.number}"}}
            )
            await wait_all_tasks_blocked(0.02)
            clock.jump(61)
            await until_on_wall_clock(lambda: cluster.scopes[0].state.version == str(stand_in.cluster.store.number))
        assert (stand_in.calls("list"), stand_in.calls("watch")) == (1, 1)


REFUSALS = [Fault(status=status) for status in (400, 401, 403, 404, 422, 429, 500, 503, 504)]
REFUSALS += [Fault(status=403, message="an admission says no")]
TROUBLE = [(verb, fault) for verb in ("list", "watch") for fault in REFUSALS] + [("list", Fault(broken=True))]


@pytest.mark.parametrize(("verb", "fault"), TROUBLE, ids=lambda part: part if isinstance(part, str) else part.status)
async def test_no_trouble_takes_anything_from_the_index(stand_in, web, clock: MockClock, verb: str, fault: Fault):
    clock.rate = hurried(20)
    async with opened(stand_in) as cluster:
        await follow(cluster)
        stand_in.cluster.faults.add(replace(fault, verb=verb), times=None)
        if verb == "list":
            stand_in.forget_history()
        stand_in.cluster.end_watches()
        await until_on_wall_clock(cluster.problems)
        assert running(cluster) == [web]
        stand_in.cluster.faults.clear()
        stand_in.set_image("web", f"{BLOG}:dev")
        await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
        await until_on_wall_clock(lambda: not cluster.problems())


async def test_after_a_401_the_token_is_read_anew(stand_in, web, clock: MockClock):
    async with opened(stand_in) as cluster:
        await follow(cluster)
        clock.jump(5)
        stand_in.token_file.write_text("second")
        stand_in.cluster.tokens = {"second"}
        stand_in.cluster.end_watches()
        stand_in.set_image("web", f"{BLOG}:dev")
        await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
        asked = [seen.authorization for seen in stand_in.seen if seen.path.endswith("deployments")]
        refused = asked.count("Bearer first") - 2  # none, where the namespaces' watch has read the token before
        assert asked == ["Bearer first"] * (2 + refused) + ["Bearer second"]
        assert refused <= 1
        assert stand_in.calls("list") == 1


async def test_an_odd_object_on_the_watch_is_passed_over(stand_in, web):
    async with opened(stand_in) as cluster:
        await follow(cluster)
        write_past_admission(stand_in, "web", {"replicas": "three"})
        stand_in.cluster.add(deployment("jobs", "shop", f"{SHOP}:dev"))
        await until_on_wall_clock(lambda: running(cluster) == [key("jobs")])
        assert (stand_in.calls("list"), stand_in.calls("watch")) == (1, 1)
        write_past_admission(stand_in, "web", {"replicas": 3})
        await until_on_wall_clock(lambda: running(cluster) == [key("jobs"), web])


def write_past_admission(stand_in: StandIn, name: str, spec: dict[str, object]) -> None:
    store = stand_in.cluster.store
    before = stand_in.document(name)
    after = before | {"spec": before["spec"] | spec}
    store._commit(DEPLOYMENT, before, after, manager="test")


GARBAGE = {
    "no JSON": b"upstream connect error\n",
    "no object": b"[]\n",
    "an object without a name": b'{"type":"ADDED","object":5}\n',
    "a bookmark of nothing": b'{"type":"BOOKMARK","object":{}}\n',
    "an error of nothing": b'{"type":"ERROR","object":[]}\n',
    "not UTF-8": b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}\n',
    "a line without an end": b"x" * (5 * 1024 * 1024),
    "nothing": b"",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_a_watch_that_sends_garbage_is_begun_again(stand_in, web, clock: MockClock, name: str):
    garbled = []

    async def app(scope, receive, send):
        if b"watch=true" in scope.get("query_string", b"") and not garbled:
            garbled.append(name)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": GARBAGE[name], "more_body": False})
        else:
            await stand_in.cluster(scope, receive, send)

    clock.rate = hurried(10)
    async with served(app) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        async with opened(stand_in) as cluster:
            await cluster.wait_listed()
            await until_on_wall_clock(lambda: stand_in.calls("watch"))
            stand_in.set_image("web", f"{BLOG}:dev")
            await until_on_wall_clock(lambda: running(cluster, BLOG) == [web])
