"""What `krt notify --wait` says of a rollout is what `kubectl rollout status` says of it."""

from typing import Any

from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import Object, a_daemon_set, a_deployment, a_stateful_set
from tests.apiserver.pods import Ready, Unready
from tests.apiserver.server import Account, ApiServer
from tests.e2e.daemon import open_krt
from tests.e2e.deployments import Cluster, only_new

SHOP = "ghcr.io/acme/shop"
# Longer than an event is held open for changes that a watch has not told yet: the rollout's own changes close it.
READY_SECONDS = 3.0
DEADLINE_SECONDS = 4
RULES_OF_ALL_KINDS: tuple[Object, ...] = (
    {
        "apiGroups": ["apps"],
        "resources": ["deployments", "statefulsets", "daemonsets"],
        "verbs": ["get", "list", "watch", "patch"],
    },
)


def states(said: dict[str, Any]) -> dict[str, str]:
    return {target["name"]: target["state"] for target in said["report"]["targets"]}


async def test_a_rollout_that_becomes_ready(
    apiserver: ApiServer, cluster: Cluster, worker: Account, kubelet: Kubelet
) -> None:
    await cluster.deploy("one", "two", replicas=1)
    kubelet.decide(only_new(await cluster.pods(), Ready(after_seconds=READY_SECONDS)))
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        code, said = await krt.notify_and_hear(SHOP, "dev", "--wait", "--timeout", "40s")
        assert [await cluster.rollout_code(name) for name in ("one", "two")] == [0, 0]
    assert (code, said["state"], states(said)) == (0, "ready", {"one": "ready", "two": "ready"})


async def test_a_rollout_that_fails(apiserver: ApiServer, cluster: Cluster, worker: Account, kubelet: Kubelet) -> None:
    await cluster.deploy("bad", replicas=1, progressDeadlineSeconds=DEADLINE_SECONDS)
    await cluster.deploy("good", replicas=1)
    kubelet.decide(only_new(await cluster.pods(), Unready()), app="bad")
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        code, said = await krt.notify_and_hear(SHOP, "dev", "--wait", "--timeout", "40s")
        assert [await cluster.rollout_code(name) for name in ("bad", "good")] == [1, 0]
    assert (code, said["state"], states(said)) == (1, "failed", {"bad": "failed", "good": "ready"})
    [bad] = [target for target in said["report"]["targets"] if target["name"] == "bad"]
    assert "has timed out progressing" in bad["reason"]


async def test_other_kinds_where_they_are_enabled(apiserver: ApiServer, cluster: Cluster, kubelet: Kubelet) -> None:
    account = await apiserver.account(cluster.namespace, "krt-worker", RULES_OF_ALL_KINDS)
    documents = [
        a_deployment("a", namespace=cluster.namespace, replicas=1),
        a_stateful_set("b", namespace=cluster.namespace, replicas=2),
        a_daemon_set("c", namespace=cluster.namespace),
    ]
    await cluster.apply(*documents)
    kubelet.decide(only_new(await cluster.pods(), Ready(after_seconds=READY_SECONDS)), app="a")
    kinds = ("--kinds", "Deployment,StatefulSet,DaemonSet")
    async with open_krt(account.kubeconfig, "--namespaces", cluster.namespace, *kinds) as krt:
        await krt.notify()
        await krt.wait("rollout_ended", 3, state="ready")
        codes = [await cluster.rollout_code(each["metadata"]["name"], each["kind"]) for each in documents]
    assert codes == [0, 0, 0]
