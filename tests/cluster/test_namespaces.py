"""A Namespace that is annotated krt/restart: "disabled" is left alone, from that moment until it is not."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from krt.cluster.workloads.open import Cluster, open_cluster
from krt.core.announce.image import complete
from krt.core.restart.matching import SkipReason, going
from krt.dev.cluster import Fault, deployment
from krt.dev.cluster.kinds import NAMESPACE
from tests.fakes.keys import a_key
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.stand_in import StandIn

SHOP = "ghcr.io/acme/shop"
WEB = a_key("Deployment", "shop", "web")


def opened(stand_in: StandIn, *namespaces: str) -> AbstractAsyncContextManager[Cluster]:
    return open_cluster(stand_in.kubeconfig, kinds=("Deployment",), namespaces=namespaces, calls_at_once=4)


def annotate(stand_in: StandIn, value: str | None) -> None:
    """The namespace `shop`, as `kubectl annotate` does."""

    def change(before: dict[str, Any]) -> dict[str, Any]:
        annotations = {} if value is None else {"krt/restart": value}
        return {**before, "metadata": {**before["metadata"], "annotations": annotations}}

    stand_in.cluster.store.update(NAMESPACE, "", "shop", change, manager="kubectl")


@pytest.fixture
def shop(stand_in: StandIn) -> StandIn:
    stand_in.cluster.add(deployment("web", "shop", f"{SHOP}:dev"))
    stand_in.cluster.add(deployment("web", "blog", f"{SHOP}:dev"))
    return stand_in


def opts(cluster: Cluster) -> dict[str, str | None]:
    return {each.key.namespace: each.namespace_opt for each in cluster.running(complete(SHOP))}


async def test_the_workloads_of_an_opted_out_namespace_show_it(shop: StandIn) -> None:
    annotate(shop, "disabled")
    async with opened(shop) as cluster:
        await cluster.wait_listed()
        assert opts(cluster) == {"blog": None, "shop": "disabled"}
        assert (await cluster.read(WEB)).namespace_opt == "disabled"


async def test_a_change_counts_at_once_and_is_a_change_of_the_workloads(shop: StandIn) -> None:
    async with opened(shop) as cluster:
        await cluster.wait_listed()
        seen: list[str | None] = []
        cluster.listen(lambda _, after: seen.append(after and after.namespace_opt))
        annotate(shop, "disabled")
        await until_on_wall_clock(lambda: opts(cluster)["shop"] == "disabled")
        annotate(shop, None)
        await until_on_wall_clock(lambda: opts(cluster)["shop"] is None)
        assert seen == ["disabled", None]


async def test_a_workload_that_is_made_later_shows_it_too(shop: StandIn) -> None:
    annotate(shop, "disabled")
    async with opened(shop) as cluster:
        await cluster.wait_listed()
        shop.cluster.add(deployment("jobs", "shop", f"{SHOP}:dev"))
        await until_on_wall_clock(lambda: len(cluster.running(complete(SHOP))) == 3)
        assert [each.namespace_opt for each in cluster.running(complete(SHOP))] == [None, "disabled", "disabled"]


async def test_who_may_not_list_namespaces_restarts_in_all_of_them(shop: StandIn) -> None:
    """The rights of a Go peer are enough: nothing waits, nothing is unready."""
    shop.cluster.faults.add(Fault(status=403, resource="namespaces"), times=None)
    annotate(shop, "disabled")
    async with opened(shop) as cluster:
        with trio.fail_after(PATIENCE_SECONDS):
            await cluster.wait_listed()
        await until_on_wall_clock(lambda: not cluster.problems())
        assert opts(cluster) == {"blog": None, "shop": None}
        assert cluster.watch_ends()["denied"] == 0


async def test_where_namespaces_are_named_nobody_asks_for_the_others(shop: StandIn) -> None:
    annotate(shop, "disabled")
    async with opened(shop, "shop") as cluster:
        await cluster.wait_listed()
        assert opts(cluster) == {"shop": None}
        assert not [seen for seen in shop.seen if seen.path == "/api/v1/namespaces"]


def delete(stand_in: StandIn) -> None:
    """The namespace `shop`, as `kubectl delete` begins it: its finalizer holds it while there is something in it."""

    def change(before: dict[str, Any]) -> dict[str, Any]:
        return {**before, "metadata": {**before["metadata"], "deletionTimestamp": "2026-11-20T12:00:00Z"}}

    stand_in.cluster.store.update(NAMESPACE, "", "shop", change, manager="kubectl")


@pytest.mark.parametrize("opt", [None, "enabled", "disabled"])
async def test_the_workloads_of_a_namespace_that_is_being_deleted_show_it_at_once_and_no_others(
    shop: StandIn, opt: str | None
) -> None:
    """Seen to fail with its deletionTimestamp not read."""
    annotate(shop, opt)
    async with opened(shop) as cluster:
        await cluster.wait_listed()
        assert not any(map(going, cluster.running(complete(SHOP))))
        delete(shop)
        await until_on_wall_clock(lambda: any(map(going, cluster.running(complete(SHOP)))))
        found = {each.key.namespace: going(each) for each in cluster.running(complete(SHOP))}
        assert found == {"blog": None, "shop": SkipReason.NAMESPACE_BEING_DELETED}
        assert going(await cluster.read(WEB)) is SkipReason.NAMESPACE_BEING_DELETED
        assert opts(cluster)["shop"] == opt
