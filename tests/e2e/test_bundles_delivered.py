"""The whole way of a bundle: a job announces it, krt web and krt worker pass it on, krt's controller delivers it.

On the real API server. The controller runs in this process, and its registry is the test's.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment, grant
from tests.apiserver.pods import Unready
from tests.apiserver.server import Account, ApiServer
from tests.controller.desk import Desk, install_definitions
from tests.e2e.bundle_worker import KINDS, RULES
from tests.e2e.site import Ended, Site

REF = "ghcr.io/acme/shop-bundle:dev"
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.fixture
async def desk(apiserver: ApiServer, namespace: str, worker: Account) -> AsyncIterator[Desk]:
    """With a worker that may patch BundleDeployments, too."""
    await install_definitions(apiserver)
    await apiserver.account(namespace, "krt-deployer", [EVERYTHING], everywhere=True)
    await apiserver.apply(*grant(worker.name, worker.namespace, RULES, everywhere=True))
    desk = Desk(apiserver, namespace)
    yield desk
    await desk.clear()


async def announced(site: Site) -> tuple[Ended, dict[str, Any]]:
    """A job's end, and the target of its report."""
    ended = await site.job("shop-bundle", "--wait", "--timeout", "60s", "--json")
    [target] = json.loads(ended.out)["report"]["targets"]
    return ended, target


async def test_a_tag_that_has_moved_is_delivered_when_a_job_announces_it_and_not_before(site: Site, desk: Desk) -> None:
    desk.push(desk.config_map("a", v="1"), desk.config_map("old", v="1"), ref=REF)
    async with desk.running(), site.web(), site.worker(*KINDS):
        await desk.deploy(REF)
        await desk.until_installed()
        digest = desk.push(desk.config_map("a", v="2"), ref=REF)
        ended, target = await announced(site)
        assert (ended.code, target["state"], target["digest"]) == (0, "ready", digest), ended
        assert (await desk.data("a"), await desk.data("old")) == ({"v": "2"}, None)
        again, target = await announced(site)
        assert (again.code, target["digest"]) == (0, digest)


async def test_a_bad_bundle_fails_the_job_with_the_reason_and_what_is_installed_stays(site: Site, desk: Desk) -> None:
    desk.push(desk.config_map("a", v="1"), ref=REF)
    async with desk.running(), site.web(), site.worker(*KINDS):
        await desk.deploy(REF)
        await desk.until_installed()
        desk.images.push(REF, {"manifests/a.yaml": b"# nothing yet\n"})
        ended, target = await announced(site)
    assert (ended.code, target["state"]) == (1, "failed"), ended
    assert "found zero objects: plain+v0 bundles are required to contain at least one object" in target["reason"]
    assert await desk.data("a") == {"v": "1"}


async def test_a_bundle_whose_objects_never_get_ready_fails_the_job_and_names_the_object(
    site: Site, desk: Desk, kubelet: Kubelet
) -> None:
    desk.deadline_seconds = 5.0
    kubelet.decide(Unready(), app="sick")
    desk.push(desk.config_map("a", v="1"), ref=REF)
    async with desk.running(), site.web(), site.worker(*KINDS):
        await desk.deploy(REF)
        await desk.until_installed()
        desk.push(a_deployment("sick", namespace=desk.namespace, replicas=1), ref=REF)
        ended, target = await announced(site)
    assert (ended.code, target["state"]) == (1, "failed"), ended
    assert f"Deployment {desk.namespace}/sick" in target["reason"]
    assert await desk.data("a") == {"v": "1"}  # nothing was pruned
