"""From the job's call to new pods: krt, its Valkey and issuer, the real API server and its controllers."""

from pathlib import Path

import trio

from tests.apiserver.objects import WORKER_RULES, a_deployment
from tests.apiserver.server import Account, ApiServer
from tests.e2e.daemon import open_krt
from tests.e2e.deployments import KEPT_BY_OTHERS, MARKS, RESTARTED_AT, Cluster, token_file_kubeconfig
from tests.fakes.pace import PATIENCE_SECONDS

SHOP, OTHER = "ghcr.io/acme/shop:dev", "ghcr.io/acme/blog:dev"
DIGEST = f"sha256:{'0' * 64}"


async def deploy_everything(cluster: Cluster) -> tuple[set[str], set[str]]:
    """Names of what an event of `shop:dev` is to restart, and of what it is not."""
    migrate = [{"name": "migrate", "image": SHOP}]
    await cluster.apply(
        a_deployment("web", SHOP, namespace=cluster.namespace, replicas=2),
        a_deployment("job", OTHER, namespace=cluster.namespace, pod={"initContainers": migrate}),
        a_deployment("empty", SHOP, namespace=cluster.namespace, replicas=0),
        a_deployment("stable", "ghcr.io/acme/shop:stable", namespace=cluster.namespace),
        a_deployment("blog", OTHER, namespace=cluster.namespace),
        a_deployment("longer", "ghcr.io/acme/shop-api:dev", namespace=cluster.namespace),
        a_deployment("pinned", f"{SHOP}@{DIGEST}", namespace=cluster.namespace),
        a_deployment("out", SHOP, namespace=cluster.namespace, annotations={"krt/restart": "disabled"}),
    )
    return {"web", "job", "empty"}, {"stable", "blog", "longer", "pinned", "out"}


async def test_a_call_restarts_exactly_what_runs_the_image(cluster: Cluster, worker: Account) -> None:
    matching, others = await deploy_everything(cluster)
    before = await cluster.see()
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        await krt.notify("ghcr.io/acme/shop", "dev")
        await krt.wait("workload_restarted", len(matching))
        await cluster.wait_rolled_out(*matching)
        after = await cluster.see()
    assert {name: before[name].changed(after[name]) for name in others} == {name: set() for name in others}
    for name in matching:
        changed = before[name].changed(after[name]) - {("status",)}
        assert changed == {RESTARTED_AT, *MARKS, *KEPT_BY_OTHERS}, name
        assert after[name].generation == before[name].generation + 1
    sets = await cluster.replica_sets()
    assert sets == dict.fromkeys(matching, 2) | dict.fromkeys(others, 1)


async def test_a_worker_of_the_whole_cluster_restarts_in_every_namespace(
    apiserver: ApiServer, cluster: Cluster
) -> None:
    other = Cluster(apiserver, await apiserver.create_namespace())
    account = await apiserver.account(cluster.namespace, "krt-worker", WORKER_RULES, everywhere=True)
    for each in (cluster, other):
        await apiserver.apply(a_deployment(namespace=each.namespace, replicas=0))
    async with open_krt(account.kubeconfig) as krt:
        await krt.notify()
        await krt.wait("workload_restarted", 2)
    generations = [(await each.see())["web"].generation for each in (cluster, other)]
    await apiserver.delete_namespace(other.namespace)
    assert generations == [2, 2]


async def test_what_is_deployed_after_krt_began_is_restarted_too(cluster: Cluster, worker: Account) -> None:
    async with open_krt(worker.kubeconfig, "--namespaces", cluster.namespace) as krt:
        await cluster.deploy("new", replicas=1)
        await krt.notify()
        await krt.wait("workload_restarted")
        await cluster.wait_rolled_out("new")
    assert (await cluster.see())["new"].generation == 2


async def test_a_new_token_is_used_when_the_old_one_has_ended(
    apiserver: ApiServer, cluster: Cluster, worker: Account, tmp_path: Path
) -> None:
    """It ends with the Secret that it is bound to; the API server believes it for ten seconds more."""
    secrets, bond = f"/api/v1/namespaces/{worker.namespace}/secrets", {"kind": "Secret", "name": "bond"}
    token_file = tmp_path / "token"
    await apiserver.request("POST", secrets, {"metadata": {"name": bond["name"]}})
    first = await apiserver.token(worker.namespace, worker.name, bound_to={"apiVersion": "v1", **bond})
    token_file.write_text(first)
    kubeconfig = token_file_kubeconfig(tmp_path / "kubeconfig", server=apiserver, token_file=token_file)
    await cluster.deploy("web", replicas=1)
    async with open_krt(kubeconfig, "--namespaces", cluster.namespace) as krt:
        await krt.wait("scope_listed")
        await apiserver.request("DELETE", f"{secrets}/{bond['name']}")
        await wait_refused(apiserver, first)
        await krt.notify()
        [refused, *_] = await krt.wait("restart_retried")
        assert refused.fields["problem"].startswith("401")
        token_file.write_text(worker.token)
        await krt.wait("workload_restarted")
        await cluster.wait_rolled_out("web")
    assert (await cluster.see())["web"].generation == 2


async def wait_refused(apiserver: ApiServer, token: str) -> None:
    async with apiserver.control_plane.client_of(token) as client:
        with trio.fail_after(PATIENCE_SECONDS):
            while (await client.get("/api")).status_code != 401:  # noqa: ASYNC110 - nobody says when
                await trio.sleep(0.2)
