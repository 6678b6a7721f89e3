"""Agent and admission policy together, and beside others who apply the Deployment: how many rollouts that makes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from krt.controller.app_secrets.secrets_controller import SecretsController
from krt.core.app_secrets.names import copy_name
from tests.apiserver.objects import Object, a_deployment
from tests.controller.secrets_desk import SecretsDesk
from tests.deploy.app_secrets import agent_kubeconfig, attaching_policy, until_attached
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

NAMES = [f"web-{number}" for number in range(20)]
OWN = {"secretRef": {"name": "own"}}


@pytest.fixture
async def agent(secrets: SecretsDesk) -> AsyncIterator[Path]:
    """The kubeconfig of the account that the policy passes over."""
    async with agent_kubeconfig(secrets.server) as kubeconfig:
        yield kubeconfig


@asynccontextmanager
async def both(secrets: SecretsDesk, agent: Path, *names: str) -> AsyncIterator[SecretsController]:
    """The policy is active, and the controller has looked at the App, which names the Deployments."""
    await secrets.put(KEY="one")
    await secrets.link(*names, "probe")
    async with attaching_policy(secrets.server), secrets.running(kubeconfig=agent) as controller:
        await until_attached(secrets.server, secrets.namespace, secrets.app)
        yield controller


async def replica_sets(secrets: SecretsDesk) -> list[Object]:
    path = f"/apis/apps/v1/namespaces/{secrets.namespace}/replicasets"
    return list((await secrets.server.request("GET", path))["items"])


def applied_by_others(secrets: SecretsDesk, **pod: Any) -> Object:
    """A Deployment as Argo CD or Flux apply it: by server-side apply, and with no entry of krt's."""
    return a_deployment(namespace=secrets.namespace, replicas=0, pod=pod)


async def test_new_deployments_have_their_copies_and_one_replica_set_each(secrets: SecretsDesk, agent: Path) -> None:
    """The agent finds each as it wants it: it writes the copies, and no Deployment."""
    async with both(secrets, agent, *NAMES) as controller:
        await secrets.server.apply(*(a_deployment(name, namespace=secrets.namespace, replicas=0) for name in NAMES))
        for name in NAMES:
            await secrets.until_delivered(name, KEY="one")
        await secrets.until_settled(controller)
        assert {await secrets.generation(name) for name in NAMES} == {1}
        assert len(await replica_sets(secrets)) == len(NAMES)
        assert [each for each in secrets.writes if "/deployments/" in each] == []


async def test_a_changed_value_and_a_switched_strategy_are_one_rollout_each(secrets: SecretsDesk, agent: Path) -> None:
    """C10, C14. The status lags behind the agent's patch, and the policy undoes nothing of it."""
    async with both(secrets, agent, "web") as controller:
        await secrets.deploy(replicas=0)
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        await secrets.put(KEY="two")
        await secrets.until_delivered(KEY="two")
        await secrets.until_settled(controller)
        assert await secrets.generation() == 2
        await secrets.link("web", "probe", strategy="volume", mountPath="/etc/secrets")
        await secrets.annotate_source(redeliver="now")

        async def is_mounted() -> bool:
            return "volumeMounts" in (await secrets.template())["spec"]["containers"][0]

        await until_on_wall_clock(is_mounted)
        await secrets.until_settled(controller)
        assert await secrets.generation() == 3
        assert "envFrom" not in (await secrets.template())["spec"]["containers"][0]


async def test_a_removed_mode_attaches_in_that_very_write(secrets: SecretsDesk, agent: Path) -> None:
    """C16, C17: the copy follows within two seconds, and no pod starts without it."""
    async with both(secrets, agent, "web") as controller:
        await secrets.deploy(replicas=0)
        await secrets.until_delivered(KEY="one")
        await secrets.mode("ignore-and-detach")
        await secrets.until_state("Detached")
        assert await secrets.copy() is None
        await secrets.until_settled(controller)
        before = await secrets.generation()
        await secrets.mode(None)
        assert copy_name(secrets.app, "web") in json.dumps(await secrets.template())
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        assert await secrets.generation() == before + 1


@pytest.mark.parametrize(
    "pod", [{}, {"containers": [{"name": "main", "image": "a", "envFrom": [OWN]}]}], ids=["plain", "own"]
)
async def test_with_the_policy_others_apply_as_often_as_they_like(
    pod: Object, secrets: SecretsDesk, agent: Path
) -> None:
    """Also if they own `envFrom`, which they replace as a whole."""
    async with both(secrets, agent, "web") as controller:
        body = applied_by_others(secrets, **pod)
        await secrets.server.apply(body)
        await secrets.until_delivered(KEY="one")
        template = await secrets.template()
        for _ in range(5):
            await secrets.server.apply(body)
        await secrets.until_settled(controller)
        assert await secrets.template() == template
        assert await secrets.generation() == 1


async def test_without_the_policy_others_may_apply_whatever_has_no_list_of_krts(secrets: SecretsDesk) -> None:
    """Argo CD and Flux leave krt's entries where they are, unless their manifest has the same list."""
    body = applied_by_others(secrets)
    await secrets.put(KEY="one")
    await secrets.link("web")
    await secrets.server.apply(body)
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        template = await secrets.template()
        for _ in range(5):
            await secrets.server.apply(body)
        await secrets.until_settled(controller)
        assert await secrets.template() == template
        assert await secrets.generation() == 2
