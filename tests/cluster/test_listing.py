"""The index as a list fills it: page by page, scope by scope."""

import msgspec
import pytest
from trio.testing import MockClock

from krt.cluster.workloads.open import Cluster, open_cluster
from krt.core.kube.object_key import ObjectKey
from krt.dev.cluster import Fault, deployment, many_deployments
from krt.dev.cluster.kinds import DEPLOYMENT
from krt.dev.cluster.watch import Version
from tests.fakes.pace import hurried
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, key, repository, standing_in

SHOP = "ghcr.io/acme/shop"


def opened(stand_in: StandIn, *namespaces: str):
    return open_cluster(stand_in.kubeconfig, kinds=("Deployment",), namespaces=namespaces, calls_at_once=4)


def running(cluster: Cluster, image: str) -> list[ObjectKey]:
    return [workload.key for workload in cluster.index.running(repository(image))]


def put_odd(stand_in: StandIn, name: str, **changes: object) -> None:
    """An object that no real API server would let in."""
    store = stand_in.cluster.store
    document = stand_in.document(name) | changes
    store.table(DEPLOYMENT).put(Version(f"shop/{name}", store.number, msgspec.json.encode(document)))


async def test_a_list_of_several_pages_is_one_index(stand_in):
    for document in many_deployments(601):
        stand_in.cluster.add(document)
    async with opened(stand_in) as cluster:
        await cluster.wait_listed()
        assert (len(cluster.index), stand_in.calls("list")) == (601, 3)
        assert running(cluster, "ghcr.io/acme/app-00600") == [key("app-00600", "team-006")]


async def test_workloads_are_found_by_the_images_of_containers_and_init_containers(stand_in):
    stand_in.cluster.add(deployment("web", "shop", f"{SHOP}:dev"))
    stand_in.cluster.add(deployment("jobs", "shop", "ghcr.io/acme/jobs:dev", init_image=f"{SHOP}:dev"))
    stand_in.cluster.add(deployment("other", "shop", "ghcr.io/acme/other:dev"))
    async with opened(stand_in) as cluster:
        await cluster.wait_listed()
        assert running(cluster, SHOP) == [key("jobs"), key("web")]
        assert running(cluster, "ghcr.io/acme/nobody") == []


async def test_an_image_is_found_under_every_spelling_of_its_name(stand_in):
    stand_in.cluster.add(deployment("cache", "shop", "nginx"))
    async with opened(stand_in) as cluster:
        await cluster.wait_listed()
        assert running(cluster, "docker.io/library/nginx") == [key("cache")]


async def test_an_empty_cluster_is_listed_too(stand_in):
    async with opened(stand_in) as cluster:
        await cluster.wait_listed()
        assert len(cluster.index) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"replicas": "three"}},
        {"spec": {"template": {"spec": {"containers": [{"image": 5}]}}}},
        {"metadata": None},
        {"metadata": {"name": "odd", "namespace": "shop", "annotations": {"krt/restart": True}}},
    ],
    ids=["replicas", "image", "no-metadata", "annotation"],
)
async def test_one_odd_object_does_not_lose_its_page(stand_in, changes):
    for name in ("before", "odd", "zebra"):
        stand_in.cluster.add(deployment(name, "shop", f"{SHOP}:dev"))
    put_odd(stand_in, "odd", **changes)
    async with opened(stand_in) as cluster:
        await cluster.wait_listed()
        assert running(cluster, SHOP) == [key("before"), key("zebra")]


async def test_a_continue_token_that_is_too_old_begins_the_list_anew(stand_in):
    for document in many_deployments(501):
        stand_in.cluster.add(document)
    forgotten = []

    async def forgetful(scope, receive, send):
        if b"continue=" in scope.get("query_string", b"") and not forgotten:
            forgotten.append(stand_in.cluster.store.compact())
            stand_in.delete("app-00000", "team-000")
        await stand_in.cluster(scope, receive, send)

    async with served(forgetful) as url:
        stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
        async with opened(stand_in) as cluster:
            await cluster.wait_listed()
            assert len(cluster.index) == 500
            assert running(cluster, "ghcr.io/acme/app-00000") == []
            assert stand_in.calls("list") == 2 + 2


async def test_with_namespaces_only_they_are_asked_for(stand_in):
    for namespace in ("blog", "shop", "ops"):
        stand_in.cluster.add(deployment("web", namespace, f"{SHOP}:dev"))
    async with opened(stand_in, "blog", "shop") as cluster:
        await cluster.wait_listed()
        await until_on_wall_clock(lambda: not cluster.problems())
        assert running(cluster, SHOP) == [key("web", "blog"), key("web", "shop")]
    assert {seen.path for seen in stand_in.seen} == {
        "/apis/apps/v1/namespaces/blog/deployments",
        "/apis/apps/v1/namespaces/shop/deployments",
    }


async def test_a_forbidden_namespace_is_named_and_delays_no_other(stand_in):
    for namespace in ("blog", "secret", "shop"):
        stand_in.cluster.add(deployment("web", namespace, f"{SHOP}:dev"))
    stand_in.cluster.faults.add(Fault(status=403, namespace="secret"), times=None)
    async with opened(stand_in, "blog", "secret", "shop") as cluster:
        await cluster.wait_listed()
        await until_on_wall_clock(lambda: len(cluster.problems()) == 1)
        assert running(cluster, SHOP) == [key("web", "blog"), key("web", "shop")]
        assert 'deployments in secret: 403 Forbidden: deployments.apps is forbidden: User "' in cluster.problems()[0]
        stand_in.set_image("web", "ghcr.io/acme/blog:dev", namespace="blog")
        await until_on_wall_clock(lambda: running(cluster, "ghcr.io/acme/blog"))


async def test_a_namespace_that_is_allowed_later_joins_the_index(stand_in, clock: MockClock):
    for namespace in ("secret", "shop"):
        stand_in.cluster.add(deployment("web", namespace, f"{SHOP}:dev"))
    stand_in.cluster.faults.add(Fault(status=403, namespace="secret"), times=None)
    async with opened(stand_in, "secret", "shop") as cluster:
        await cluster.wait_listed()
        stand_in.cluster.faults.clear()
        clock.jump(30)
        await until_on_wall_clock(lambda: running(cluster, SHOP) == [key("web", "secret"), key("web", "shop")])
        await until_on_wall_clock(lambda: not cluster.problems())


async def test_an_api_server_that_denies_everybody_while_it_starts_is_waited_for(stand_in, clock: MockClock):
    clock.rate = hurried(10)
    stand_in.cluster.add(deployment("web", "shop", f"{SHOP}:dev"))
    stand_in.cluster.add(deployment("web", "blog", f"{SHOP}:dev"))
    stand_in.cluster.faults.add(Fault(status=403, resource="deployments"), times=9)
    async with opened(stand_in, "blog", "shop") as cluster:
        await cluster.wait_listed()
        assert running(cluster, SHOP) == [key("web", "blog"), key("web", "shop")]


async def test_nothing_is_listed_before_the_first_answer(tmp_path):
    async with standing_in(tmp_path) as stand_in:
        stand_in.cluster.faults.add(Fault(delay_seconds=3600), times=None)
        async with opened(stand_in) as cluster:
            await until_on_wall_clock(lambda: stand_in.seen)
            assert cluster.problems() == ("deployments in all namespaces: not listed yet",)
