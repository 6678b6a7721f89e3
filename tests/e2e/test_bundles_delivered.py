"""The whole way of a bundle: a job announces it, krt web and krt worker pass it on, krt's controller delivers it.

On the real API server. Once everything is a process of its own, with a real registry. Elsewhere the controller runs in
this process, and its registry is the test's.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from tests.apiserver.bundles import crds, serve
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import Object, a_deployment, grant
from tests.apiserver.pods import Unready
from tests.apiserver.server import Account, ApiServer
from tests.cli.commands import run as krt
from tests.controller.desk import Desk
from tests.e2e.bundle_worker import KINDS, RULES
from tests.e2e.site import Ended, Site
from tests.fault.krt_process import Krt
from tests.registry.server import RegistryServer

REF = "ghcr.io/acme/shop-bundle:dev"
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.fixture
async def desk(apiserver: ApiServer, namespace: str, worker: Account) -> AsyncIterator[Desk]:
    """With a worker that may patch BundleDeployments, too."""
    await serve(apiserver, *crds())
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


async def push(folder: Path, reference: str, *objects: Object) -> str:
    """By `krt artifact push`; the digest that it prints."""
    manifests = folder / "bundle" / "manifests"
    manifests.mkdir(parents=True, exist_ok=True)
    (manifests / "all.yaml").write_text(yaml.safe_dump_all(objects))
    pushed = await trio.to_thread.run_sync(krt, "artifact", "push", str(manifests.parent), reference)
    assert pushed.code == 0, pushed
    return pushed.out.split()[-1]


@asynccontextmanager
async def controller_process(desk: Desk, folder: Path) -> AsyncIterator[None]:
    """`krt controller`, ready."""
    settings = {
        "KUBECONFIG": str(desk.server.control_plane.kubeconfig),
        "KRT_CONTROLLER_NAMESPACE": desk.namespace,
        "KRT_CONTROLLERS": "bundles",
    }
    controller = Krt("controller", folder, settings)
    controller.spawn()
    try:
        await controller.wait_ready()
        yield
        assert "Traceback" not in controller.log.read_text()
    finally:
        controller.process.send_kill()
        controller.process.reap()


@pytest.mark.registry
async def test_with_every_part_a_process_of_its_own_and_a_real_registry(
    site: Site, desk: Desk, registry: RegistryServer, tmp_path: Path
) -> None:
    place = f"{registry.host}/acme"
    ref = f"{place}/{desk.namespace}:dev"
    admits = {"ALLOWED_IMAGE_PREFIX": f"{place}/"}
    wait = ("--wait", "--timeout", "60s", "--json")
    await push(tmp_path, ref, desk.config_map("a", v="1"), desk.config_map("old", v="1"))
    async with site.web(**admits), site.worker(*KINDS, **admits), controller_process(desk, tmp_path):
        await desk.deploy(ref)
        await desk.until_installed()
        digest = await push(tmp_path, ref, desk.config_map("a", v="2"))
        good = await site.job(desk.namespace, *wait, registry=place)
        assert (await desk.data("a"), await desk.data("old")) == ({"v": "2"}, None)
        refused = {**desk.config_map("b"), "immutable": "perhaps"}
        await push(tmp_path, ref, refused)
        bad = await site.job(desk.namespace, *wait, registry=place)
    assert good.code == 0, good
    [target] = json.loads(good.out)["report"]["targets"]
    assert (target["state"], target["digest"]) == ("ready", digest)
    assert bad.code == 1, bad
    [target] = json.loads(bad.out)["report"]["targets"]
    assert target["state"] == "failed"
    assert "ConfigMap" in target["reason"]
    assert (await desk.data("a"), await desk.data("b")) == ({"v": "2"}, None)
