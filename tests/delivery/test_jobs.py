"""Jobs, replicas and claims in a delivery, on the real API server with its controllers."""

from functools import partial
from typing import Any

import pytest
import trio

from krt.cluster.objects import Body
from krt.delivery.order import End
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment, grant
from tests.apiserver.pods import Ready, Succeeded
from tests.delivery.cluster import Cluster, reasons, states
from tests.fakes.polling import until_on_trio_clock

pytestmark = pytest.mark.apiserver

CORE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}
SEEING = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}
WRITING = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "patch", "delete"]}


def a_job(cluster: Cluster, image: str = "ghcr.io/acme/migrate:1", **spec: Any) -> Body:
    containers = [{"name": "main", "image": image}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "namespace": cluster.namespace},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}, **spec},
    }


async def uid_of(cluster: Cluster) -> str:
    return str((await cluster.get("Job", "migrate", "batch/v1"))["metadata"]["uid"])


async def test_a_complete_job_is_not_run_again_also_if_it_was_removed(cluster: Cluster, kubelet: Kubelet) -> None:
    """Seen to fail: the removed Job was created anew, and ran again."""
    kubelet.decide(Succeeded())
    made = await cluster.deliver(a_job(cluster))
    assert made.end is End.READY, reasons(made)
    again = await cluster.deliver(a_job(cluster))
    assert states(again)["migrate"] == ("apply", "ready", "unchanged")
    assert len(cluster.requests) == 2, cluster.requests
    await cluster.server.kubectl("-n", cluster.namespace, "delete", "job", "migrate")
    for dry_run, state in ((True, "planned"), (False, "ready")):
        removed = await cluster.deliver(a_job(cluster), is_dry_run=dry_run)
        assert states(removed)["migrate"] == ("apply", state, "unchanged"), reasons(removed)
    assert reasons(removed)["migrate"] == "it was complete, and is not run again"
    assert removed.is_applied
    assert not await cluster.exists("Job", "migrate", "batch/v1")
    new = await cluster.deliver(a_job(cluster, "ghcr.io/acme/migrate:2"))
    assert states(new)["migrate"] == ("apply", "ready", "created")


async def test_a_complete_job_that_somebody_made_anew_is_another_one(cluster: Cluster, kubelet: Kubelet) -> None:
    kubelet.decide(Succeeded())
    await cluster.deliver(a_job(cluster))
    await cluster.server.kubectl("-n", cluster.namespace, "delete", "job", "migrate")
    await cluster.server.apply(a_job(cluster))
    again = await cluster.deliver(a_job(cluster))
    assert again.end is End.READY, reasons(again)
    assert (await cluster.get("Job", "migrate", "batch/v1"))["metadata"]["labels"]["krt/owner"]


async def test_a_new_version_of_a_job_takes_the_place_of_the_one_that_has_ended(
    cluster: Cluster, kubelet: Kubelet
) -> None:
    """Seen to fail: `spec.template: field is immutable`, and nothing was written."""
    kubelet.decide(Succeeded())
    await cluster.deliver(a_job(cluster))
    before = await uid_of(cluster)
    planned = await cluster.deliver(a_job(cluster, "ghcr.io/acme/migrate:2"), is_dry_run=True)
    assert states(planned)["migrate"] == ("apply", "planned", "configured"), reasons(planned)
    assert await uid_of(cluster) == before
    replaced = await cluster.deliver(a_job(cluster, "ghcr.io/acme/migrate:2"))
    assert replaced.end is End.READY, reasons(replaced)
    assert await uid_of(cluster) != before
    assert [each for each in cluster.writes if each.startswith("DELETE")] == [
        f"DELETE /apis/batch/v1/namespaces/{cluster.namespace}/jobs/migrate"
    ]


async def test_a_new_version_waits_for_a_job_that_runs(cluster: Cluster, kubelet: Kubelet) -> None:
    await cluster.deliver(a_job(cluster), waits=False)
    before, replaced = await uid_of(cluster), []

    async def deliver() -> None:
        replaced.append(await cluster.deliver(a_job(cluster, "ghcr.io/acme/migrate:2")))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(deliver)
        await until_on_trio_clock(lambda: "the version before still runs: " in str(cluster.shown[-1:]))
        assert await uid_of(cluster) == before
        kubelet.decide(Succeeded())
    assert replaced[0].end is End.READY, reasons(replaced[0])
    assert await uid_of(cluster) != before


async def test_a_job_that_krt_can_no_longer_see_is_not_deleted_for_a_new_version(cluster: Cluster) -> None:
    """It may still run. Seen to fail: krt deleted it, and created the new one."""
    deployer = await cluster.server.account(cluster.namespace, "deployer", [CORE, SEEING, WRITING])
    await cluster.deliver(a_job(cluster), waits=False)
    before, replaced = await uid_of(cluster), []
    async with cluster.by(deployer.kubeconfig) as blinded:

        async def deliver() -> None:
            replaced.append(await blinded.deliver(a_job(cluster, "ghcr.io/acme/migrate:2")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            await until_on_trio_clock(lambda: "the version before still runs: " in str(blinded.shown[-1:]))
            await cluster.server.apply(*grant("deployer", cluster.namespace, [CORE, WRITING]))
    assert replaced[0].end is End.FAILED
    assert reasons(replaced[0])["migrate"].startswith("the version before may still run; krt may neither watch nor")
    assert await uid_of(cluster) == before


async def test_where_krt_can_no_longer_see_whether_a_job_is_gone_nothing_is_applied(
    cluster: Cluster, kubelet: Kubelet
) -> None:
    """Seen to fail: the new version was applied to the object that was still going."""
    kubelet.decide(Succeeded())
    deployer = await cluster.server.account(cluster.namespace, "deployer", [CORE, SEEING, WRITING])
    await cluster.deliver(a_job(cluster))
    job = ("-n", cluster.namespace, "patch", "job", "migrate", "--type=merge", "-p")
    await cluster.server.kubectl(*job, '{"metadata": {"finalizers": ["example.com/held"]}}')
    replaced = []
    async with cluster.by(deployer.kubeconfig) as blinded:

        async def deliver() -> None:
            replaced.append(await blinded.deliver(a_job(cluster, "ghcr.io/acme/migrate:2")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            await until_on_trio_clock(partial(_is_going, cluster))
            await cluster.server.apply(*grant("deployer", cluster.namespace, [CORE, WRITING]))
    assert replaced[0].end is End.FAILED
    assert "its deletion has begun; krt may neither watch nor read it" in str(replaced[0].report)
    assert "immutable" not in str(replaced[0].report)
    await cluster.server.kubectl(*job, '{"metadata": {"finalizers": null}}')


async def _is_going(cluster: Cluster) -> bool:
    return "deletionTimestamp" in (await cluster.get("Job", "migrate", "batch/v1"))["metadata"]


async def test_a_job_that_would_be_refused_for_more_than_its_template_keeps_the_one_before(
    cluster: Cluster, kubelet: Kubelet
) -> None:
    kubelet.decide(Succeeded())
    await cluster.deliver(a_job(cluster))
    refused = await cluster.deliver(a_job(cluster, "ghcr.io/acme/migrate:2", backoffLimit=-1))
    assert refused.end is End.DENIED
    assert cluster.writes == []


async def replicas_of(cluster: Cluster) -> int:
    return int((await cluster.get("Deployment", "web", "apps/v1"))["spec"]["replicas"])


async def test_a_number_of_replicas_that_others_have_scaled_is_left_to_them(cluster: Cluster, kubelet: Kubelet) -> None:
    """Seen to fail: a conflict with the manager of the subresource; and with force the number of the manifest."""
    web = a_deployment(namespace=cluster.namespace, replicas=2)
    await cluster.deliver(web)
    await cluster.server.kubectl("-n", cluster.namespace, "scale", "deployment", "web", "--replicas=3")
    for more in ({}, {"is_forced": True}):
        kept = await cluster.deliver(web, **more)
        assert kept.end is End.READY, reasons(kept)
        assert await replicas_of(cluster) == 3
    changed = a_deployment(namespace=cluster.namespace, replicas=2, image="ghcr.io/acme/shop:2")
    assert (await cluster.deliver(changed)).end is End.READY
    assert await replicas_of(cluster) == 3


@pytest.mark.parametrize("is_forced", [False, True])
async def test_a_version_without_replicas_keeps_the_live_number_at_every_moment(
    cluster: Cluster, kubelet: Kubelet, is_forced: bool
) -> None:
    """Seen to fail: the API server's default of one replica, until somebody scaled."""
    await cluster.deliver(a_deployment(namespace=cluster.namespace, replicas=3), is_forced=is_forced)
    before = (await cluster.get("Deployment", "web", "apps/v1"))["metadata"]["generation"]
    dropped = await cluster.deliver(a_deployment(namespace=cluster.namespace), is_forced=is_forced)
    assert dropped.end is End.READY, reasons(dropped)
    assert await replicas_of(cluster) == 3
    assert (await cluster.get("Deployment", "web", "apps/v1"))["metadata"]["generation"] == before


async def test_a_deployment_that_kubectl_made_keeps_its_number_when_krt_takes_it_over_without_one(
    cluster: Cluster, kubelet: Kubelet
) -> None:
    made = ("-n", cluster.namespace, "create", "deployment", "web", "--image=nginx", "--replicas=3")
    assert (await cluster.server.kubectl(*made)).code == 0
    taken = await cluster.deliver(a_deployment(namespace=cluster.namespace), is_forced=True)
    assert taken.end is End.READY, reasons(taken)
    assert await replicas_of(cluster) == 3


async def test_a_claim_that_waits_for_its_first_consumer_is_ready(cluster: Cluster, kubelet: Kubelet) -> None:
    name = f"late-{cluster.namespace}"
    late = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "example.com/none",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    metadata = {"name": "data", "namespace": cluster.namespace}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": name,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
    made = await cluster.deliver(late, claim)
    assert made.end is End.READY, reasons(made)
    assert reasons(made)["data"] == "it is bound once a pod uses it"
    await cluster.destroy()


async def test_where_krt_may_not_watch_it_asks_and_says_so_once(cluster: Cluster, kubelet: Kubelet) -> None:
    rules = [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "create", "patch"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"]},
    ]
    account = await cluster.server.account(cluster.namespace, "deployer", rules)
    made = []
    async with cluster.by(account.kubeconfig) as limited:

        async def deliver() -> None:
            two = [a_deployment(name, namespace=cluster.namespace) for name in ("web", "other")]
            made.append(await limited.deliver(*two))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            await until_on_trio_clock(lambda: "may not watch" in str(limited.shown))  # else pods may be ready before it
            kubelet.decide(Ready())
        assert made[0].end is End.READY, reasons(made[0])
    problems = [each.clusters[0].reason for each in limited.shown if each.clusters[0].reason]
    assert {each for each in problems if "may not watch" in str(each)}
