"""The controller of App secrets with exactly the rights that are delivered, and beside the admission policy."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from krt.core.app_secrets.names import copy_name
from tests.apiserver.apps import rights
from tests.apiserver.objects import Object, a_deployment
from tests.apiserver.server import Account, ApiServer
from tests.controller.secrets_desk import SecretsDesk
from tests.deploy.app_secrets import attaching_policy
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

HOME = "krt-bundles"
KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAY = KUBERNETES / "overlays" / "controller" / "rights.yaml"
BINDING = KUBERNETES / "secrets-namespace" / "role-binding.yaml"
VOLUME = {"strategy": "volume", "mountPath": "/run/app"}


def binding(namespace: str) -> Object:
    """The RoleBinding of an environment's Namespace, as it is delivered."""
    found: Object = yaml.safe_load(BINDING.read_text())
    found["subjects"][0]["namespace"] = HOME
    return found | {"metadata": found["metadata"] | {"namespace": namespace}}


@pytest.fixture
async def account(apiserver: ApiServer) -> AsyncIterator[Account]:
    """krt-controller, as the overlay and the component have it, without a binding in any environment."""
    await apiserver.request("POST", "/api/v1/namespaces", {"metadata": {"name": HOME}})
    found = await apiserver.account(HOME, "krt-controller")
    own = [each for each in yaml.safe_load_all(OVERLAY.read_text()) if not each["kind"].startswith("Cluster")]
    await apiserver.apply(*({**each, "metadata": {**each["metadata"], "namespace": HOME}} for each in own))
    await apiserver.apply(*rights())
    yield found
    await apiserver.delete_namespace(HOME)


async def is_denied(secrets: SecretsDesk, account: Account) -> bool:
    """Whether the API server has heard that the binding is gone."""
    words = ("auth", "can-i", "create", "secrets", "-n", secrets.namespace)
    return (await secrets.server.kubectl(*words, kubeconfig=account.kubeconfig)).out.strip() == "no"


async def test_the_delivered_rights_suffice_and_reach_no_secret_elsewhere(
    secrets: SecretsDesk, account: Account
) -> None:
    """Without the Namespace's RoleBinding nothing is delivered, and the App says so; with it, it is; and again."""
    server, namespace = secrets.server, secrets.namespace
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web", **VOLUME)
    async with SecretsDesk(server, HOME).running(kubeconfig=account.kubeconfig):
        await secrets.until_condition("False", "Denied", namespace)
        await server.apply(binding(namespace))
        await secrets.until_delivered(KEY="one")
        await secrets.until_condition("True", "Delivered")

        async def is_told() -> bool:
            path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
            return "SecretsDelivered" in {each["reason"] for each in (await server.request("GET", path))["items"]}

        await until_on_wall_clock(is_told)
        await secrets.mode("ignore-and-detach")
        await secrets.until_state("Detached")
        assert await secrets.copy() is None
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
        await server.request("DELETE", f"{roles}/krt-secrets")
        await until_on_wall_clock(lambda: is_denied(secrets, account))
        await secrets.mode(None)
        await secrets.until_condition("False", "Denied", "secrets")
        await server.apply(binding(namespace))
        await secrets.until_delivered(KEY="one")
        for arguments in (("list", "secrets", "-A"), ("get", "secrets", "-n", "kube-system"), ("create", "pods", "-A")):
            said = await server.kubectl("auth", "can-i", *arguments, kubeconfig=account.kubeconfig)
            assert said.out.strip() == "no", arguments


@pytest.fixture
async def policy(secrets: SecretsDesk) -> AsyncIterator[None]:
    """The admission policy, active for this Namespace."""
    async with attaching_policy(secrets.server, secrets.namespace):
        await secrets.associate()
        yield


async def replica_sets(secrets: SecretsDesk, name: str) -> list[Object]:
    path = f"/apis/apps/v1/namespaces/{secrets.namespace}/replicasets"
    found = (await secrets.server.request("GET", path, labelSelector=f"app={name}"))["items"]
    return list(found)


def patches(secrets: SecretsDesk, since: int) -> list[str]:
    """Krt's writes of Deployments."""
    return [line for line in secrets.writes[since:] if "/deployments/" in line]


@pytest.mark.parametrize("spec", [{"strategy": "env"}, VOLUME], ids=["env", "volume"])
async def test_c17_the_policy_attaches_in_each_write_and_the_agent_has_no_deployment_to_patch(
    secrets: SecretsDesk, policy: None, spec: dict[str, Any]
) -> None:
    """A new Deployment, a replaced one, and one whose mode is removed: one ReplicaSet, with the secret and the stamp.

    A switch of the strategy is one rollout, though the policy reads a status that still has the old one: seen to fail
    with a policy that adds the copy in the way of the status to a template that has it in the other way.
    """
    await secrets.put(KEY="one")
    await secrets.link("web", "zebra", **spec)
    async with secrets.running() as controller:
        probe = a_deployment("zebra", namespace=secrets.namespace, replicas=0)

        async def is_active() -> bool:
            path = f"/apis/apps/v1/namespaces/{secrets.namespace}/deployments"
            made = await secrets.server.request("POST", path, probe, dryRun="All")
            return copy_name(secrets.app, "zebra") in str(made["spec"])

        await until_on_wall_clock(is_active)
        since = len(secrets.writes)
        await secrets.deploy(replicas=0)
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        attached = await secrets.template()
        assert len(await replica_sets(secrets, "web")) == 1
        assert patches(secrets, since) == []

        await secrets.server.request("PUT", secrets.path(), a_deployment(namespace=secrets.namespace, replicas=0))
        assert await secrets.template() == attached
        await secrets.mode("ignore-and-detach")
        await secrets.until_state("Detached")
        await secrets.until_settled(controller)
        since = len(secrets.writes)
        await secrets.mode(None)
        assert await secrets.template() == attached  # by that very write
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        assert patches(secrets, since) == []

        before = await secrets.generation()
        await secrets.put(KEY="two")
        await secrets.until_delivered(KEY="two")
        await secrets.until_settled(controller)
        assert await secrets.generation() - before == 1

        other = VOLUME if spec["strategy"] == "env" else {"strategy": "env", "mountPath": None}
        await secrets.link("web", "zebra", **{name: value for name, value in other.items() if value})
        await trio.sleep(0.3)
        await secrets.annotate_source(redeliver="t-1")

        async def is_switched() -> bool:
            return (await secrets.status())["deployments"][0]["strategy"] == other["strategy"]

        await until_on_wall_clock(is_switched)
        await secrets.until_settled(controller)
        await trio.sleep(0.5)
        assert await secrets.generation() - before == 2
        assert str(await secrets.template()).count(copy_name(secrets.app, "web")) == 1
