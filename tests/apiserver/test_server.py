"""The real API server, its controllers and the tests' kubelet do together what a cluster does."""

import json
from functools import partial

import httpx
import pytest
import trio

from tests.apiserver.credentials import mint_token
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import WORKER_RULES, Object, a_daemon_set, a_deployment, a_stateful_set
from tests.apiserver.pods import Broken, Ready, Unready
from tests.apiserver.server import ApiError, ApiServer

PATCH = {"Content-Type": "application/merge-patch+json"}


async def test_a_deployment_becomes_ready_and_kubectl_agrees(
    apiserver: ApiServer, namespace: str, kubelet: Kubelet
) -> None:
    await apiserver.apply(a_deployment(namespace=namespace, replicas=3))
    rollout = await apiserver.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    assert rollout.code == 0, rollout
    assert "successfully rolled out" in rollout.out
    assert (await apiserver.get("Deployment", namespace, "web"))["status"]["availableReplicas"] == 3


@pytest.mark.parametrize("workload", [a_stateful_set, a_daemon_set])
async def test_other_kinds_become_ready_too(
    apiserver: ApiServer, namespace: str, kubelet: Kubelet, workload: partial[Object]
) -> None:
    [made] = await apiserver.apply(workload(namespace=namespace))
    name = f"{made['kind']}/web"
    rollout = await apiserver.kubectl("rollout", "status", name, "-n", namespace, "--timeout=120s")
    assert rollout.code == 0, rollout


async def test_pods_that_never_get_ready_exceed_the_progress_deadline(
    apiserver: ApiServer, namespace: str, kubelet: Kubelet
) -> None:
    kubelet.decide(Unready())
    await apiserver.apply(a_deployment(namespace=namespace, progressDeadlineSeconds=1))
    rollout = await apiserver.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    assert rollout.code == 1
    assert "exceeded its progress deadline" in rollout.err


async def test_the_kubelet_changes_its_mind_about_pods_that_are_there(
    apiserver: ApiServer, namespace: str, kubelet: Kubelet
) -> None:
    kubelet.decide(Broken("ImagePullBackOff"), app="web")
    kubelet.decide(Ready(after_seconds=3600), app="slow")
    await apiserver.apply(a_deployment(namespace=namespace), a_deployment("slow", namespace=namespace))
    wait = partial(apiserver.kubectl, "wait", "-n", namespace, "--timeout=120s")
    waiting = "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff"
    assert (await wait("pod", "-l", "app=web", "--for=create")).code == 0
    assert (await wait("pod", "-l", "app=web", f"--for={waiting}")).code == 0
    kubelet.decide(Ready())
    assert (await wait("deployment", "--all", "--for=condition=Available")).code == 0


async def test_a_worker_may_patch_but_not_delete(apiserver: ApiServer, namespace: str) -> None:
    await apiserver.apply(a_deployment(namespace=namespace))
    worker = await apiserver.account(namespace, "krt-worker", WORKER_RULES)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    async with apiserver.control_plane.client_of(worker.token) as client:
        listed = await client.get(path)
        patched = await client.patch(
            f"{path}/web",
            content=json.dumps({"metadata": {"annotations": {"krt/event": "x"}}}),
            headers=PATCH,
        )
        elsewhere = await client.get("/apis/apps/v1/deployments")
    assert (listed.status_code, patched.status_code, elsewhere.status_code) == (200, 200, 403)
    deleted = await apiserver.kubectl("delete", "deployment", "web", kubeconfig=worker.kubeconfig)
    assert deleted.code == 1
    assert "cannot delete resource" in deleted.err


async def test_rules_given_everywhere_hold_in_every_namespace(apiserver: ApiServer, namespace: str) -> None:
    worker = await apiserver.account(namespace, "krt-worker", WORKER_RULES, everywhere=True)
    async with apiserver.control_plane.client_of(worker.token) as client:
        assert (await client.get("/apis/apps/v1/deployments")).status_code == 200


async def test_the_token_api_gives_nothing_under_ten_minutes(apiserver: ApiServer, namespace: str) -> None:
    await apiserver.account(namespace, "krt-worker")
    with pytest.raises(ApiError, match="less than 10 minutes"):
        await apiserver.token(namespace, "krt-worker", lifetime_seconds=599)


@pytest.mark.parametrize(("valid_seconds", "status"), [(30, 200), (-1, 401)])
async def test_a_minted_token_is_taken_until_it_ends(
    apiserver: ApiServer, namespace: str, valid_seconds: int, status: int
) -> None:
    account = await apiserver.account(namespace, "krt-worker")
    credentials = apiserver.control_plane.credentials
    token = mint_token(credentials, account.token, valid_seconds=valid_seconds)
    async with apiserver.control_plane.client_of(token) as client:
        assert (await client.get("/api")).status_code == status


async def test_a_killed_server_comes_back_with_its_data_and_the_kubelet_goes_on(
    apiserver: ApiServer, namespace: str, kubelet: Kubelet
) -> None:
    await apiserver.apply(a_deployment(namespace=namespace, replicas=0))
    await apiserver.control_plane.kill_apiserver()
    with pytest.raises(httpx.ConnectError):
        await apiserver.client.get("/readyz")
    await apiserver.control_plane.start_apiserver()
    await apiserver.apply(a_deployment(namespace=namespace, replicas=1))
    rollout = await apiserver.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    assert rollout.code == 0, rollout


async def test_a_paused_server_accepts_and_says_nothing(apiserver: ApiServer) -> None:
    with apiserver.control_plane.paused_apiserver(), trio.move_on_after(0.3) as scope:
        await apiserver.client.get("/version")
    assert scope.cancelled_caught
    assert (await apiserver.client.get("/version")).status_code == 200


async def test_a_watch_and_a_list_from_a_compacted_version_are_gone(apiserver: ApiServer, namespace: str) -> None:
    objects = [a_deployment(name, namespace=namespace, replicas=0) for name in ("a", "b", "c")]
    [first, *_] = await apiserver.apply(*objects)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    page = await apiserver.request("GET", path, limit=1)
    await apiserver.apply(a_deployment("d", namespace=namespace, replicas=0))
    await apiserver.control_plane.expire_versions()
    version = first["metadata"]["resourceVersion"]
    watched = await apiserver.client.get(path, params={"watch": 1, "resourceVersion": version, "timeoutSeconds": 5})
    assert watched.json()["object"]["code"] == 410  # a first event, in an answer of status 200
    with pytest.raises(ApiError, match="410"):
        await apiserver.request("GET", path, **{"continue": page["metadata"]["continue"]})
