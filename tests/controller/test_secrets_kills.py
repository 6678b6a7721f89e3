"""The leader is killed at any step of a delivery, and the other controller finishes it: one rollout, nothing lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from krt.controller.app_secrets.secrets_controller import SecretsController
from tests.controller.conftest import EVERYTHING
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.faults import Half, Silence
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock
from tests.fault.krt_process import Krt

pytestmark = pytest.mark.apiserver


@dataclass(frozen=True)
class KillStep:
    """The leader is killed at a request: before the API server gets it, or after the server has done it."""

    name: str
    request: str
    is_done: bool = False

    def __str__(self) -> str:
        return self.name


COPY = r"PATCH .*/secrets/krt-app-"
DEPLOYMENT = r"PATCH .*/deployments/web"
STATUS = r"PATCH .*/apps/.*/status"
OF_A_CHANGE = (
    KillStep("before the source is read", r"GET .*/secrets/source"),
    KillStep("before the copy is written", COPY),
    KillStep("after the copy was written", COPY, is_done=True),
    KillStep("before the Deployment is patched", DEPLOYMENT),
    KillStep("after the Deployment was patched", DEPLOYMENT, is_done=True),
    KillStep("before the status is written", STATUS),
    KillStep("after the status was written", STATUS, is_done=True),
)
OF_A_FIRST_DELIVERY = (
    KillStep("before the copy is created", r"POST .*/secrets\?"),
    KillStep("after the copy was created", r"POST .*/secrets\?", is_done=True),
    KillStep("after the Deployment was first patched", DEPLOYMENT, is_done=True),
)
OF_A_DETACHMENT = (
    KillStep("before krt's entries go", DEPLOYMENT),
    KillStep("after krt's entries have gone", DEPLOYMENT, is_done=True),
    KillStep("before the copy is deleted", r"DELETE .*/secrets/krt-app-"),
    KillStep("after the copy was deleted", r"DELETE .*/secrets/krt-app-", is_done=True),
)


@dataclass
class SecretsPair:
    """A leader in a process of its own, behind a proxy; the standby is in this one."""

    desk: SecretsDesk
    leader: Krt
    proxy: HttpsProxy

    async def kill_at(self, step: KillStep) -> None:
        """The Lease is taken away, so that the standby need not wait until it has run out."""
        await self.proxy.faults.wait_request(step.request)
        if step.is_done:
            await self.proxy.held.wait_value(lambda number: number > 0)
        self.leader.process.send_kill()
        self.leader.process.reap()
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{self.desk.namespace}/leases/krt-secrets"
        await self.desk.server.request("DELETE", lease)

    @asynccontextmanager
    async def killed(self, step: KillStep) -> AsyncIterator[SecretsController]:
        """Within the block something is asked for; at its end the leader is killed, and the standby goes on."""
        async with self.desk.running("standby") as standby:
            await until_on_wall_clock(lambda: standby.leadership.holder)
            assert not standby.leadership.leads
            self.proxy.faults.on(step.request, Half(0, held=True) if step.is_done else Silence())
            yield standby
            await self.kill_at(step)
            await until_on_wall_clock(lambda: standby.leadership.leads)
            await self.desk.until_settled(standby)


@pytest.fixture
async def pair(secrets: SecretsDesk, api_proxy: HttpsProxy, tmp_path: Path) -> AsyncIterator[SecretsPair]:
    """The leader is ready, and the Deployment `web` is there."""
    account = await secrets.server.account(secrets.namespace, "krt-controller", [EVERYTHING], everywhere=True)
    settings = {
        "KUBECONFIG": str(secrets.server.kubeconfig(account.token, proxy=api_proxy)),
        "KRT_CONTROLLER_NAMESPACE": secrets.namespace,
        "KRT_CONTROLLERS": "secrets",
    }
    leader = Krt("controller", tmp_path, settings)
    leader.process.spawn()
    try:
        await secrets.deploy()
        await secrets.put(KEY="one")
        await leader.wait_ready()
        yield SecretsPair(secrets, leader, api_proxy)
    finally:
        leader.process.send_kill()
        leader.process.reap()


async def check_end(desk: SecretsDesk, rollouts: int, before: int, **values: str) -> None:
    await desk.until_delivered(**values)
    await desk.until_state("Delivered")
    assert await desk.generation() - before == rollouts


@pytest.mark.parametrize("step", OF_A_FIRST_DELIVERY, ids=str)
async def test_a_first_delivery_is_finished_by_the_other(pair: SecretsPair, step: KillStep) -> None:
    desk, before = pair.desk, await pair.desk.generation()
    async with pair.killed(step):
        await desk.link("web")
    await check_end(desk, 1, before, KEY="one")


@pytest.mark.parametrize("step", OF_A_CHANGE, ids=str)
async def test_a_changed_value_is_delivered_by_the_other(pair: SecretsPair, step: KillStep) -> None:
    desk = pair.desk
    await desk.link("web")
    await desk.until_delivered(KEY="one")
    await desk.until_state("Delivered")
    before = await desk.generation()
    async with pair.killed(step):
        await desk.put(KEY="two")
    await check_end(desk, 1, before, KEY="two")


@pytest.mark.parametrize("step", OF_A_DETACHMENT, ids=str)
async def test_a_detachment_is_finished_by_the_other(pair: SecretsPair, step: KillStep) -> None:
    desk, template = pair.desk, await pair.desk.template()
    await desk.link("web")
    await desk.until_delivered(KEY="one")
    await desk.until_state("Delivered")
    async with pair.killed(step):
        await desk.mode("ignore-and-detach")
    await desk.until_state("Detached")
    assert (await desk.template(), await desk.copy()) == (template, None)
