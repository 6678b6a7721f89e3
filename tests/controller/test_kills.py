"""The leader is killed at any step of a pivot, and the other controller finishes it: nothing doubled, nothing lost."""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from krt.cluster.objects import Body
from krt.core.bundle.pack import pack
from krt.proxies import proxies_of
from krt.sources.fetch import Fetcher
from krt.sources.way import Way
from tests.controller.conftest import EVERYTHING
from tests.controller.desk import GROUP, Desk
from tests.controller.sources import files_of
from tests.fakes.faults import Half, Silence
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock
from tests.fault.krt_process import Krt
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = [pytest.mark.apiserver, pytest.mark.registry]


@dataclass(frozen=True)
class Step:
    """The leader is killed at a request: before the API server gets it, or after the server has done it."""

    name: str
    request: str
    is_done: bool = False

    def __str__(self) -> str:
        return self.name


APPLY = r"PATCH .*/configmaps/{}\?(?!.*dryRun).*force=false"
STATUS = r"PATCH .*/bundledeployments/.*/status"
INVENTORY = r"PATCH .*/secrets/krt.inventory"
STEPS = (
    Step("before the Bundle says what was unpacked", r"PATCH .*/bundles/.*/status"),
    Step("after the Bundle has said what was unpacked", r"PATCH .*/bundles/.*/status", is_done=True),
    Step("before the first look", r"PATCH .*dryRun=All"),
    Step("before the inventory has the union", INVENTORY),
    Step("after the inventory has the union", INVENTORY, is_done=True),
    Step("before a changed object is applied", APPLY.format("a")),
    Step("after a changed object was applied", APPLY.format("a"), is_done=True),
    Step("before a new object is applied", APPLY.format("new")),
    Step("after a new object was applied", APPLY.format("new"), is_done=True),
    Step("before the status moves", STATUS),
    Step("after the status has moved", STATUS, is_done=True),
    Step("before an old object is deleted", r"DELETE .*/configmaps/old"),
    Step("after an old object was deleted", r"DELETE .*/configmaps/old", is_done=True),
)
OF_A_TEMPLATE = (
    Step("before the new Bundle is made", r"POST .*/bundles\?"),
    Step("after the new Bundle was made", r"POST .*/bundles\?", is_done=True),
    Step("before the old Bundle is deleted", r"DELETE .*/bundles/"),
    Step("after the old Bundle was deleted", r"DELETE .*/bundles/", is_done=True),
)


@dataclass
class Pair:
    """A leader in a process of its own, behind a proxy, and a standby in this one."""

    desk: Desk
    leader: Krt
    proxy: HttpsProxy
    registry: RegistryServer

    def ref(self, tag: str) -> str:
        return f"{self.registry.host}/{self.desk.namespace}:{tag}"

    async def push(self, tag: str, *objects: Body) -> str:
        image = pack(files_of(*objects))
        await pushed(self.ref(tag), image)
        return image.digest

    async def kill_at(self, step: Step) -> None:
        """The Lease is taken away, so that the standby need not wait until it has run out."""
        await self.proxy.faults.wait_request(step.request)
        if step.is_done:
            await self.proxy.held.wait_value(lambda number: number > 0)
        self.leader.process.send_kill()
        self.leader.process.reap()
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{self.desk.namespace}/leases/krt-bundles"
        await self.desk.server.request("DELETE", lease)

    async def inventory(self) -> set[str]:
        secrets = await self.desk.server.request("GET", f"/api/v1/namespaces/{self.desk.namespace}/secrets")
        [found] = [each for each in secrets["items"] if each["metadata"]["name"].startswith("krt.inventory.")]
        return {each["name"] for each in json.loads(base64.b64decode(found["data"]["inventory"]))}


@pytest.fixture
async def pair(desk: Desk, api_proxy: HttpsProxy, registry: RegistryServer, tmp_path: Path) -> AsyncIterator[Pair]:
    account = await desk.server.account(desk.namespace, "krt-controller", [EVERYTHING], everywhere=True)
    kubeconfig = desk.server.kubeconfig(account.token, proxy=api_proxy)
    settings = {
        "KUBECONFIG": str(kubeconfig),
        "KRT_CONTROLLER_NAMESPACE": desk.namespace,
        "KRT_CONTROLLERS": "bundles",
    }
    leader = Krt("controller", tmp_path, settings)
    desk.fetches = Fetcher(Way(ssl.create_default_context(), proxies_of({})))
    pair = Pair(desk, leader, api_proxy, registry)
    await pair.push("main", desk.config_map("a", v="1"), desk.config_map("old", v="1"))
    leader.process.spawn()
    try:
        await leader.wait_ready()
        await desk.deploy(pair.ref("main"))
        await desk.until_installed()
        yield pair
    finally:
        leader.process.send_kill()
        leader.process.reap()


@asynccontextmanager
async def killed(pair: Pair, step: Step) -> AsyncIterator[None]:
    """Within the block the pivot is asked for; at its end the leader is killed, and the standby goes on."""
    async with pair.desk.running("standby") as standby:
        await until_on_wall_clock(lambda: standby.leadership.holder)
        assert not standby.leadership.leads
        pair.proxy.faults.on(step.request, Half(0, held=True) if step.is_done else Silence())
        yield
        await pair.kill_at(step)
        await until_on_wall_clock(lambda: standby.is_settled(pair.desk.name))
        await check_end(pair)


async def check_end(pair: Pair) -> None:
    desk = pair.desk
    assert await desk.is_installed(), await desk.status()
    assert (await desk.data("a"), await desk.data("new"), await desk.data("old")) == ({"v": "2"}, {"v": "2"}, None)
    assert await pair.inventory() == {"a", "new"}
    [bundle] = await desk.bundles()
    assert (await desk.status())["activeBundle"] == bundle["metadata"]["name"]


@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_a_pivot_by_an_announcement_is_finished_by_the_other(pair: Pair, step: Step) -> None:
    desk = pair.desk
    digest = await pair.push("main", desk.config_map("a", v="2"), desk.config_map("new", v="2"))
    async with killed(pair, step):
        await desk.annotate(krt_announced="e1")
    status = await desk.status()
    assert (status["handled"], digest in status["contentURL"]) == ("e1", True)


@pytest.mark.parametrize("step", OF_A_TEMPLATE, ids=str)
async def test_a_pivot_by_a_template_is_finished_by_the_other(pair: Pair, step: Step) -> None:
    desk = pair.desk
    await pair.push("next", desk.config_map("a", v="2"), desk.config_map("new", v="2"))
    async with killed(pair, step):
        await desk.deploy(pair.ref("next"))


async def test_a_deletion_is_finished_by_the_other(pair: Pair) -> None:
    desk, step = pair.desk, Step("", r"DELETE .*/configmaps/old")
    async with desk.running("standby") as standby:
        await until_on_wall_clock(lambda: standby.leadership.holder)
        pair.proxy.faults.on(step.request, Silence())
        await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")
        await pair.kill_at(step)

        async def is_gone() -> bool:
            answer = await desk.server.client.get(f"{GROUP}/bundledeployments/{desk.name}")
            return answer.status_code == 404

        await until_on_wall_clock(is_gone)
        assert (await desk.data("a"), await desk.data("old"), await desk.bundles()) == (None, None, [])
