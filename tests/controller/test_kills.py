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
from krt.controller.bundles_controller import LEASE_NAME
from krt.core.bundle.pack import pack
from krt.proxies import proxies_of
from krt.sources.fetch import Fetcher
from krt.sources.way import Way
from tests.controller.desk import GROUP, Desk
from tests.controller.killing import KillStep, Leader
from tests.controller.own_process import open_controller
from tests.controller.sources import files_of
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = [pytest.mark.apiserver, pytest.mark.registry]


APPLY = r"PATCH .*/configmaps/{}\?(?!.*dryRun).*force=false"
STATUS = r"PATCH .*/bundledeployments/.*/status"
INVENTORY = r"PATCH .*/secrets/krt.inventory"
STEPS = (
    KillStep("before the Bundle says what was unpacked", r"PATCH .*/bundles/.*/status"),
    KillStep("after the Bundle has said what was unpacked", r"PATCH .*/bundles/.*/status", is_done=True),
    KillStep("before the first look", r"PATCH .*dryRun=All"),
    KillStep("before the inventory has the union", INVENTORY),
    KillStep("after the inventory has the union", INVENTORY, is_done=True),
    KillStep("before a changed object is applied", APPLY.format("a")),
    KillStep("after a changed object was applied", APPLY.format("a"), is_done=True),
    KillStep("before a new object is applied", APPLY.format("new")),
    KillStep("after a new object was applied", APPLY.format("new"), is_done=True),
    KillStep("before the status moves", STATUS),
    KillStep("after the status has moved", STATUS, is_done=True),
    KillStep("before an old object is deleted", r"DELETE .*/configmaps/old"),
    KillStep("after an old object was deleted", r"DELETE .*/configmaps/old", is_done=True),
)
OF_A_TEMPLATE = (
    KillStep("before the new Bundle is made", r"POST .*/bundles\?"),
    KillStep("after the new Bundle was made", r"POST .*/bundles\?", is_done=True),
    KillStep("before the old Bundle is deleted", r"DELETE .*/bundles/"),
    KillStep("after the old Bundle was deleted", r"DELETE .*/bundles/", is_done=True),
)


@dataclass
class Pair:
    """A leader in a process of its own, behind a proxy, and a standby in this one."""

    desk: Desk
    leader: Leader
    registry: RegistryServer

    def ref(self, tag: str) -> str:
        return f"{self.registry.host}/{self.desk.namespace}:{tag}"

    async def push(self, tag: str, *objects: Body) -> str:
        image = pack(files_of(*objects))
        await pushed(self.ref(tag), image)
        return image.digest

    async def inventory(self) -> set[str]:
        secrets = await self.desk.server.request("GET", f"/api/v1/namespaces/{self.desk.namespace}/secrets")
        [found] = [each for each in secrets["items"] if each["metadata"]["name"].startswith("krt.inventory.")]
        return {each["name"] for each in json.loads(base64.b64decode(found["data"]["inventory"]))}


@pytest.fixture
async def pair(desk: Desk, api_proxy: HttpsProxy, registry: RegistryServer, tmp_path: Path) -> AsyncIterator[Pair]:
    desk.fetches = Fetcher(Way(ssl.create_default_context(), proxies_of({})))
    async with open_controller(desk.server, desk.namespace, tmp_path, "bundles", proxy=api_proxy) as krt:
        pair = Pair(desk, Leader(krt, api_proxy, desk.server, desk.namespace, LEASE_NAME), registry)
        await pair.push("main", desk.config_map("a", v="1"), desk.config_map("old", v="1"))
        await krt.wait_ready()
        await desk.deploy(pair.ref("main"))
        await desk.until_installed()
        yield pair


@asynccontextmanager
async def killed(pair: Pair, step: KillStep) -> AsyncIterator[None]:
    """Within the block the pivot is asked for; at its end the leader is killed, and the standby goes on."""
    async with pair.desk.running("standby") as standby:
        await until_on_wall_clock(lambda: standby.leadership.holder)
        assert not standby.leadership.leads
        pair.leader.hold_at(step)
        yield
        await pair.leader.kill_at(step)
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
async def test_a_pivot_by_an_announcement_is_finished_by_the_other(pair: Pair, step: KillStep) -> None:
    desk = pair.desk
    digest = await pair.push("main", desk.config_map("a", v="2"), desk.config_map("new", v="2"))
    async with killed(pair, step):
        await desk.annotate(krt_announced="e1")
    status = await desk.status()
    assert (status["handled"], digest in status["contentURL"]) == ("e1", True)


@pytest.mark.parametrize("step", OF_A_TEMPLATE, ids=str)
async def test_a_pivot_by_a_template_is_finished_by_the_other(pair: Pair, step: KillStep) -> None:
    desk = pair.desk
    await pair.push("next", desk.config_map("a", v="2"), desk.config_map("new", v="2"))
    async with killed(pair, step):
        await desk.deploy(pair.ref("next"))


async def test_a_deletion_is_finished_by_the_other(pair: Pair) -> None:
    desk, step = pair.desk, KillStep("", r"DELETE .*/configmaps/old")
    async with desk.running("standby") as standby:
        await until_on_wall_clock(lambda: standby.leadership.holder)
        pair.leader.hold_at(step)
        await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")
        await pair.leader.kill_at(step)

        async def is_gone() -> bool:
            answer = await desk.server.client.get(f"{GROUP}/bundledeployments/{desk.name}")
            return answer.status_code == 404

        await until_on_wall_clock(is_gone)
        assert (await desk.data("a"), await desk.data("old"), await desk.bundles()) == (None, None, [])
