"""krt as the overlays run it, its worker by the account that they make, has real Deployments restarted."""

import platform
import sys
from pathlib import Path

import pytest
import trio

from krt.core.kube.restartable import RESTARTABLE
from tests.apiserver.kubelet import open_kubelet
from tests.apiserver.server import ApiServer
from tests.deploy.installation import SHOP, Installation
from tests.deploy.pods import open_pods
from tests.deploy.rendered import EVERYTHING, PLAIN
from tests.fakes.pace import PATIENCE_SECONDS


@pytest.mark.parametrize("installation", [PLAIN[0], PLAIN[2], EVERYTHING], indirect=True, ids=str)
async def test_an_announced_image_is_restarted_and_the_job_hears_of_it(
    apiserver: ApiServer, installation: Installation, tmp_path: Path
) -> None:
    before = await generations(apiserver)
    kubeconfig = apiserver.kubeconfig(installation.token)
    async with (
        open_kubelet(apiserver.client, SHOP),
        open_pods(installation.rendered, tmp_path, kubeconfig=kubeconfig) as (dev, web),
    ):
        audience = installation.rendered.settings("web")["GITHUB_OIDC_AUDIENCE"]
        command = [sys.executable, "-m", "krt", "notify", dev.image, "--tags", "dev", "--wait", "--url", web.url]
        job = {**dev.job_environ, "KRT_AUDIENCE": audience}
        with trio.fail_after(PATIENCE_SECONDS):
            done = await trio.run_process(command, env=job, check=False, capture_stdout=True)
        assert done.returncode == 0, done.stdout.decode()
        if not installation.rendered.of("RoleBinding"):
            assert "opted out" in await announced_where_all_is_opted_out(apiserver, [*command, "--json"], job)
    after = await generations(apiserver)
    everything = "StatefulSet" in installation.rendered.settings("worker")["KRT_KINDS"]
    assert await told_of(apiserver) == ({"plain", "web", "store", "agent"} if everything else set())
    restarted = {"plain", "web", "store", "agent"} if everything else {"plain", "web"}
    assert {name for name in after if after[name] != before[name]} == restarted


async def told_of(server: ApiServer) -> set[str]:
    """By Events of krt's."""
    events = (await server.request("GET", f"/apis/events.k8s.io/v1/namespaces/{SHOP}/events"))["items"]
    return {
        each["regarding"]["name"] for each in events if each.get("reportingInstance", "").startswith(platform.node())
    }


async def announced_where_all_is_opted_out(server: ApiServer, command: list[str], job: dict[str, str]) -> str:
    """What the job hears when the whole namespace has been opted out since the last event."""
    opted_out = await server.kubectl("annotate", "namespace", SHOP, "krt/restart=disabled")
    assert opted_out.code == 0
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(command, env=job, check=False, capture_stdout=True)
    assert done.returncode == 1
    return done.stdout.decode()


async def generations(server: ApiServer) -> dict[str, int]:
    found = {}
    for resource in RESTARTABLE.values():
        for each in (await server.request("GET", resource.collection_path(SHOP)))["items"]:
            found[each["metadata"]["name"]] = each["metadata"]["generation"]
    return found
