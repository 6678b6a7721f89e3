"""The API server goes away, forgets, refuses, dawdles and breaks off: the worker lives, catches up, restarts once."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.server import Account, ApiServer
from tests.e2e.daemon import Krt, open_krt
from tests.e2e.deployments import Cluster
from tests.fakes.faults import Answer, Fault, Half, Late
from tests.fakes.https_proxy import HttpsProxy

SHOP, OTHER = "ghcr.io/acme/shop:dev", "ghcr.io/acme/blog:dev"
NAMES = ("one", "two", "three")
LATENCY_SECONDS = 5.0


async def assert_restarted_once(cluster: Cluster, krt: Krt, *names: str) -> None:
    """All of them and nothing else, by the generations and by what kubectl says."""
    await cluster.wait_rolled_out(*names)
    generations = {name: seen.generation for name, seen in (await cluster.see()).items()}
    assert generations == {name: 2 if name in names else 1 for name in generations}, krt.log
    sets = await cluster.replica_sets()
    assert {name: sets[name] for name in names} == dict.fromkeys(names, 2)


def image(name: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": name}]}}}}


async def test_a_killed_api_server_with_restarts_in_flight(
    apiserver: ApiServer, cluster: Cluster, worker: Account
) -> None:
    """It hangs first: the patches are on their way when it dies, and nobody knows which of them were done."""
    await cluster.deploy(*NAMES, replicas=1)
    await cluster.deploy("bystander", image=OTHER, replicas=1)
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        await krt.wait("ready")
        apiserver.control_plane.apiserver.pause()
        await krt.notify()
        await krt.wait("event_matched", workloads=len(NAMES))
        await apiserver.control_plane.kill_apiserver()
        await krt.wait("restart_retried", len(NAMES))
        await apiserver.control_plane.start_apiserver()
        await krt.wait("workload_restarted", len(NAMES))
        await assert_restarted_once(cluster, krt, *NAMES)


async def test_an_event_of_the_time_without_an_api_server(
    apiserver: ApiServer, cluster: Cluster, worker: Account
) -> None:
    """It is accepted, and matched with what krt knew before."""
    await cluster.deploy("web", replicas=1)
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        await krt.wait("ready")
        await apiserver.control_plane.kill_apiserver()
        await krt.wait("not_ready")
        await krt.notify()
        await krt.wait("restart_retried")
        await apiserver.control_plane.start_apiserver()
        await krt.wait("workload_restarted")
        await assert_restarted_once(cluster, krt, "web")


async def test_forgotten_versions_are_listed_anew(apiserver: ApiServer, cluster: Cluster, worker: Account) -> None:
    """What was deployed in between is known afterwards."""
    await cluster.deploy("old", replicas=1)
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        await krt.wait("ready")
        await apiserver.request(
            "POST", f"/api/v1/namespaces/{cluster.namespace}/configmaps", {"metadata": {"name": "later"}}
        )
        await apiserver.control_plane.expire_versions()
        await cluster.deploy("new", replicas=1)
        await krt.wait("scope_listed", 2)
        assert krt.all("watch_expired")[0].fields["problem"].startswith("410"), krt.log
        await krt.notify()
        await krt.wait("workload_restarted", 2)
        await assert_restarted_once(cluster, krt, "old", "new")


async def test_a_watch_that_is_cut_within_an_object_loses_nothing(
    apiserver: ApiServer, cluster: Cluster, worker: Account, behind_proxy: Path, api_proxy: HttpsProxy
) -> None:
    """The change that was cut is the one that makes the Deployment match."""
    await cluster.deploy("web", image=OTHER, replicas=1)
    api_proxy.faults.on("watch=true", Half(300), times=3)
    async with open_krt(behind_proxy, "--namespaces", cluster.namespace) as krt:
        await krt.wait("ready")
        await cluster.deploy("web", image=SHOP, replicas=1)
        await api_proxy.faults.wait_request("watch=true", 4)
        before = (await cluster.see())["web"].generation
        await krt.notify()
        await krt.wait("workload_restarted")
        await cluster.wait_rolled_out("web")
        assert (await cluster.see())["web"].generation == before + 1
        assert len(krt.all("scope_listed")) == 1, krt.log


@pytest.mark.parametrize(
    ("fault", "pause_seconds"),
    [
        (Answer(429, {"Retry-After": "1"}), 1),
        (Answer(500), 0),
        (Answer(503, {"Retry-After": "1"}), 1),
        (Answer(504, {}, b"<html>a gateway's own words</html>"), 0),
        (Half(0), 0),
    ],
    ids=["429", "500", "503", "504", "answer lost"],
)
async def test_a_patch_that_fails_is_tried_again_and_done_once(
    cluster: Cluster,
    worker: Account,
    behind_proxy: Path,
    api_proxy: HttpsProxy,
    fault: Fault,
    pause_seconds: float,
) -> None:
    """Half an answer: the patch was done, and krt does not hear of it."""
    await cluster.deploy(*NAMES, replicas=1)
    api_proxy.faults.on("^PATCH", fault, times=2 * len(NAMES))
    async with open_krt(behind_proxy, "--namespaces", cluster.namespace) as krt:
        await krt.wait("ready")
        await krt.notify()
        done = await krt.wait("workload_restarted|restart_covered", len(NAMES))
        tried = krt.all("restart_retried")
        assert len(tried) >= len(NAMES)
        assert done[0].seconds - tried[0].seconds >= pause_seconds
        await assert_restarted_once(cluster, krt, *NAMES)


async def test_lists_and_watches_that_fail_are_tried_again(
    cluster: Cluster, worker: Account, behind_proxy: Path, api_proxy: HttpsProxy
) -> None:
    await cluster.deploy("web", replicas=1)
    for fault in (Answer(429, {"Retry-After": "1"}), Answer(500), Half(100)):
        api_proxy.faults.on(r"^GET .*deployments\?limit", fault, times=1)
        api_proxy.faults.on("watch=true", fault, times=1)
    async with open_krt(behind_proxy, "--namespaces", cluster.namespace) as krt:
        await krt.notify()  # accepted before anything is known of the cluster
        await krt.wait("workload_restarted")
        await assert_restarted_once(cluster, krt, "web")
        failed, listed = krt.all("scope_unavailable")[0], krt.all("scope_listed")[0]
        assert listed.seconds - failed.seconds >= 1  # as Retry-After asked


async def test_a_watch_that_talks_nonsense_is_opened_anew(
    cluster: Cluster, worker: Account, behind_proxy: Path, api_proxy: HttpsProxy
) -> None:
    await cluster.deploy("web", replicas=1)
    api_proxy.faults.on("watch=true", Answer(200, {}, b"<html>Please log in</html>\n"), times=1)
    api_proxy.faults.on("watch=true", Answer(200, {}, b'{"type":"MODIFIED","object":{"metadata":[]}}\n'), times=1)
    async with open_krt(behind_proxy, "--namespaces", cluster.namespace) as krt:
        await api_proxy.faults.wait_request("watch=true", 3)
        await krt.notify()
        await krt.wait("workload_restarted")
        await assert_restarted_once(cluster, krt, "web")


async def test_a_latency_of_five_seconds_makes_it_late_and_no_more(
    cluster: Cluster, worker: Account, behind_proxy: Path, api_proxy: HttpsProxy
) -> None:
    await cluster.deploy("web", replicas=1)
    api_proxy.faults.on(re.escape(f"/namespaces/{cluster.namespace}/deployments"), Late(LATENCY_SECONDS))
    async with open_krt(behind_proxy, "--namespaces", cluster.namespace) as krt:
        await krt.notify()
        await krt.wait("workload_restarted")
        assert krt.all("restart_retried") == [], krt.log
        await assert_restarted_once(cluster, krt, "web")
