"""The controller of App secrets with exactly the rights that are delivered, taken away and given back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.apiserver.apps import rights
from tests.apiserver.objects import Object
from tests.apiserver.server import Account, ApiServer
from tests.controller.secrets_desk import SecretsDesk
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
