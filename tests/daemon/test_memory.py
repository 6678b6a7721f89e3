"""The policy of the garbage collector: nothing that is garbage, or soon will be, is kept for good."""

import gc
import weakref
from dataclasses import replace

import pytest
import trio

from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.open import open_cluster
from krt.daemon.memory import settle
from krt.dev.cluster import deployment
from tests.fakes.stand_in import standing_in
from tests.fakes.values import a_workload


class Cycle:
    def __init__(self) -> None:
        self.me = self


def test_what_is_garbage_is_collected_and_not_frozen() -> None:
    """Seen to fail with the collection left out: the cycle was there for good."""
    gone = weakref.ref(Cycle())
    settle()
    gc.collect()
    assert gone() is None


def test_an_index_keeps_the_object_of_a_workload_that_has_not_changed() -> None:
    """Seen to fail with every workload put in as it came: a list after a 410 made all of them anew."""
    index, first = WorkloadIndex(), a_workload()
    index.put(first)
    index.put(replace(first))
    assert index.get(first.key) is first
    changed = replace(first, resource_version="2000")
    index.put(changed)
    assert index.get(first.key) is changed


@pytest.mark.parametrize(("names", "grows"), [((), False), (("new",), True), (("new", "newer"), True)])
async def test_a_list_says_that_the_index_grows_only_where_it_does(tmp_path, names, grows) -> None:
    """Seen to fail with each page said to have made it grow: what was in use at a 410 was kept for good."""
    growth = []
    async with standing_in(tmp_path) as stand_in:
        for number in range(3):
            stand_in.cluster.add(deployment(f"web-{number}", "shop", "ghcr.io/acme/shop:dev"))
        own = {"kinds": ("Deployment",), "namespaces": ("shop",), "calls_at_once": 1}
        async with open_cluster(
            stand_in.kubeconfig, on_growth=lambda: growth.append(len(cluster.index)), **own
        ) as cluster:
            with trio.fail_after(30):
                await cluster.wait_listed()
                assert growth == [3]
                (scope,) = cluster.scopes
                scope.state.listed = trio.Event()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(scope.state.listed.wait)
                    for name in names:
                        stand_in.cluster.add(deployment(name, "shop", "ghcr.io/acme/shop:dev"))
                    scope.state.version = None
                    scope.state.watching.cancel()
    assert growth == [3, *[3 + len(names)] * grows]
