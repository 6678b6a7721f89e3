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

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAY = KUBERNETES / "overlays" / "controller" / "rights.yaml"
BINDING = KUBERNETES / "secrets-namespace" / "role-binding.yaml"
VOLUME = {"strategy": "volume", "mountPath": "/run/app"}


def binding(namespace: str, home: str) -> Object:
    """The RoleBinding of an environment's Namespace, as it is delivered, for the controller in `home`."""
    found: Object = yaml.safe_load(BINDING.read_text())
    return bound_to(home, found) | {"metadata": found["metadata"] | {"namespace": namespace}}


def bound_to(home: str, body: Object) -> Object:
    """The object; a binding is one for the controller in `home`, as an overlay writes it."""
    subjects = [{**each, "namespace": home} for each in body.get("subjects", ())]
    return body | ({"subjects": subjects} if subjects else {})


@pytest.fixture
async def account(apiserver: ApiServer) -> AsyncIterator[Account]:
    """krt-controller, as the overlay and the component have it, without a binding in any environment.

    Its Namespace is one of this test: other tests keep that of the overlay.
    """
    home = await apiserver.create_namespace()
    found = await apiserver.account(home, "krt-controller")
    own = [each for each in yaml.safe_load_all(OVERLAY.read_text()) if not each["kind"].startswith("Cluster")]
    own = [{**each, "metadata": {**each["metadata"], "namespace": home}} for each in own]
    await apiserver.apply(*(bound_to(home, each) for each in (*own, *rights())))
    yield found
    await apiserver.delete_namespace(home)


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
    async with SecretsDesk(server, account.namespace).running(kubeconfig=account.kubeconfig):
        await secrets.until_condition("False", "Denied", namespace)
        await server.apply(binding(namespace, account.namespace))
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
        await server.apply(binding(namespace, account.namespace))
        await secrets.until_delivered(KEY="one")
        for arguments in (("list", "secrets", "-A"), ("get", "secrets", "-n", "kube-system"), ("create", "pods", "-A")):
            said = await server.kubectl("auth", "can-i", *arguments, kubeconfig=account.kubeconfig)
            assert said.out.strip() == "no", arguments
