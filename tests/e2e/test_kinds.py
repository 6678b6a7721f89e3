"""StatefulSets and DaemonSets, where they are enabled."""

from krt.core.kube.restartable import RESTARTABLE
from tests.apiserver.objects import Object, a_daemon_set, a_deployment, a_stateful_set
from tests.apiserver.server import ApiServer
from tests.e2e.daemon import open_krt
from tests.e2e.deployments import Cluster
from tests.fakes.pace import PATIENCE_SECONDS

RULES_OF_ALL_KINDS: tuple[Object, ...] = (
    {
        "apiGroups": ["apps"],
        "resources": [each.plural for each in RESTARTABLE.values()],
        "verbs": ["get", "list", "watch", "patch"],
    },
)


async def test_all_kinds_are_restarted_and_followed_as_kubectl_does(apiserver: ApiServer, cluster: Cluster) -> None:
    account = await apiserver.account(cluster.namespace, "krt-worker", RULES_OF_ALL_KINDS)
    documents = [
        a_deployment("a", namespace=cluster.namespace, replicas=1),
        a_stateful_set("b", namespace=cluster.namespace, replicas=2),
        a_daemon_set("c", namespace=cluster.namespace),
    ]
    await cluster.apply(*documents)
    kinds = ("--kinds", ",".join(RESTARTABLE))
    async with open_krt(account.kubeconfig, "--namespaces", cluster.namespace, *kinds) as krt:
        code, said = await krt.notify_and_hear(
            "ghcr.io/acme/shop", "dev", "--wait", "--timeout", f"{PATIENCE_SECONDS:.0f}s"
        )
        codes = [await cluster.rollout_code(each["metadata"]["name"], each["kind"]) for each in documents]
    assert (code, said["state"], codes) == (0, "ready", [0, 0, 0])
    assert {target["kind"]: target["state"] for target in said["report"]["targets"]} == {
        "Deployment": "ready",
        "StatefulSet": "ready",
        "DaemonSet": "ready",
    }
