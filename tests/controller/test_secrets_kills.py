"""The leader is killed at any step of a delivery, and the other controller finishes it: one rollout, nothing lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from krt.controller.app_secrets.secrets_controller import LEASE_NAME, SecretsController
from tests.controller.killing import KillStep, Leader
from tests.controller.own_process import open_controller
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver


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
    leader: Leader

    @asynccontextmanager
    async def killed(self, step: KillStep) -> AsyncIterator[SecretsController]:
        """Within the block something is asked for; at its end the leader is killed, and the standby goes on."""
        async with self.desk.running("standby") as standby:
            await until_on_wall_clock(lambda: standby.leadership.holder)
            assert not standby.leadership.leads
            self.leader.hold_at(step)
            yield standby
            await self.leader.kill_at(step)
            await until_on_wall_clock(lambda: standby.leadership.leads)
            await self.desk.until_settled(standby)


@pytest.fixture
async def pair(secrets: SecretsDesk, api_proxy: HttpsProxy, tmp_path: Path) -> AsyncIterator[SecretsPair]:
    """The leader is ready, and the Deployment `web` is there."""
    server, namespace = secrets.server, secrets.namespace
    async with open_controller(server, namespace, tmp_path, "secrets", proxy=api_proxy) as krt:
        await secrets.deploy()
        await secrets.put(KEY="one")
        await krt.wait_ready()
        yield SecretsPair(secrets, Leader(krt, api_proxy, server, namespace, LEASE_NAME))


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
