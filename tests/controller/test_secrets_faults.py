"""App secrets while others work: two controllers, edits in between, rights that come and go, Namespaces that go."""

import pytest
import trio

from krt.controller.app_secrets.place import GATHER_SECONDS
from krt.core.app_secrets.names import copy_name
from krt.core.app_secrets.wear import MOST_STAMPS
from tests.apiserver.apps import GROUP, rights
from tests.apiserver.objects import Object, a_stateful_set
from tests.controller.conftest import EVERYTHING
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.faults import Answer
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

RBAC = "/apis/rbac.authorization.k8s.io/v1"
READ = ["get", "list", "watch"]


async def test_of_two_controllers_one_delivers_and_the_other_goes_on_when_it_stops(secrets: SecretsDesk) -> None:
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    before = await secrets.generation()
    async with secrets.running("standby") as standby:
        async with secrets.running("leader") as leader:
            await secrets.until_delivered(KEY="one")
            assert leader.leadership.leads != standby.leadership.leads
            await until_on_wall_clock(lambda: leader.leadership.holder and standby.leadership.holder)
        await secrets.put(KEY="two")
        await secrets.until_delivered(KEY="two")
        await secrets.until_settled(standby)
        assert await secrets.generation() == before + 2


async def test_two_that_both_believe_to_lead_make_one_rollout_of_a_change(secrets: SecretsDesk) -> None:
    """A process that was suspended does not know that its Lease has run out. Each write is guarded."""
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    async with secrets.running("one") as one:
        await secrets.until_delivered(KEY="one")
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{secrets.namespace}/leases/krt-secrets"
        await secrets.server.request("DELETE", lease)
        async with secrets.running("two") as two:
            await until_on_wall_clock(lambda: two.leadership.leads)
            assert one.leadership.leads
            before = await secrets.generation()
            await secrets.put(KEY="two")
            await secrets.until_delivered(KEY="two")
            await trio.sleep(1.0)
            assert await secrets.is_delivered(KEY="two")
            assert await secrets.generation() == before + 1


async def test_a_secret_and_a_deployment_that_others_edit_all_the_time_get_the_last_value(secrets: SecretsDesk) -> None:
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        for number in range(60):
            labels = {"metadata": {"labels": {"n": str(number)}}}
            await secrets.patch(secrets.path(), labels)
            await secrets.patch(f"/api/v1/namespaces/{secrets.namespace}/secrets/source", labels)
            if number % 20 == 0:
                await secrets.put(KEY=f"v{number}")
                container = {"name": "main", "image": f"ghcr.io/acme/shop:v{number}"}
                image = {"spec": {"template": {"spec": {"containers": [container]}}}}
                answer = await secrets.server.client.patch(
                    secrets.path(), json=image, headers={"Content-Type": "application/strategic-merge-patch+json"}
                )
                assert answer.is_success, answer.text
            await trio.sleep(0.03)
        await secrets.until_delivered(KEY="v40")
        await secrets.until_settled(controller)
        assert (await secrets.template())["spec"]["containers"][0]["image"] == "ghcr.io/acme/shop:v40"


async def test_rights_that_are_taken_away_are_a_condition_and_given_back_they_deliver(secrets: SecretsDesk) -> None:
    """With exactly the rights of the component; the binding of this Namespace goes and comes back."""
    account = await secrets.server.account(secrets.namespace, "krt-controller")
    subject = {"kind": "ServiceAccount", "name": "krt-controller", "namespace": secrets.namespace}
    await _grant(secrets, subject)
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    async with secrets.running(kubeconfig=account.kubeconfig):
        await secrets.until_delivered(KEY="one")
        await secrets.until_event("SecretsDelivered", "FirstDelivery")
        binding = f"{RBAC}/namespaces/{secrets.namespace}/rolebindings/krt-secrets"
        body = await secrets.server.request("GET", binding)
        await secrets.server.request("DELETE", binding)
        await secrets.put(KEY="two")
        await secrets.until_condition("False", "Denied", "forbidden")
        assert await secrets.values() == {"KEY": "one"}
        metadata = {"name": "krt-secrets", "namespace": secrets.namespace}
        await secrets.server.apply({**body, "metadata": metadata})
        await secrets.until_delivered(KEY="two")
        await secrets.until_condition("True", "Delivered")


async def test_a_patch_that_is_refused_to_one_leader_after_another_is_told_and_made_later(secrets: SecretsDesk) -> None:
    """The right to patch Deployments is taken away alone. What one process failed to attach the next one attaches.

    Seen to fail when the copy counted an attachment before it was made: `Fighting` named a manager that was innocent.
    """
    account = await secrets.server.account(secrets.namespace, "krt-controller")
    await _grant(secrets, {"kind": "ServiceAccount", "name": "krt-controller", "namespace": secrets.namespace})
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    async with secrets.running("0", kubeconfig=account.kubeconfig):
        await secrets.until_delivered(KEY="one")
    role = f"{RBAC}/clusterroles/krt-secrets"
    before = (await secrets.server.request("GET", role))["rules"]
    less = [each if each["resources"] != ["deployments"] else {**each, "verbs": READ} for each in before]
    await secrets.patch(role, {"rules": less})
    try:
        await trio.sleep(1.0)  # until the API server has heard of it
        await secrets.put(KEY="two")
        for identity in ("1", "2", "3"):
            seen = _patches(secrets)
            async with secrets.running(identity, kubeconfig=account.kubeconfig):
                await until_on_wall_clock(lambda seen=seen: _patches(secrets) > seen + 1, within_seconds=30)
                await secrets.until_condition("False", "Denied", "forbidden")
    finally:
        await secrets.patch(role, {"rules": before})
    async with secrets.running("4", kubeconfig=account.kubeconfig):
        await secrets.until_delivered(KEY="two")
        await secrets.until_condition("True", "Delivered")


def _patches(secrets: SecretsDesk) -> int:
    return len([each for each in secrets.requests if each.startswith(f"PATCH {secrets.path()}?")])


async def _grant(secrets: SecretsDesk, subject: dict[str, str]) -> None:
    group = "rbac.authorization.k8s.io"
    own = [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"]},
    ]
    roles = [each for each in rights() if each["kind"] == "ClusterRole"]
    everywhere = {"name": f"krt-{secrets.namespace}"}
    mine = {"name": "krt-own", "namespace": secrets.namespace}
    await secrets.server.apply(
        *roles,
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": mine, "rules": own},
        _binding("RoleBinding", mine, "Role", "krt-own", subject),
        _binding("RoleBinding", {**mine, "name": "krt-secrets"}, "ClusterRole", "krt-secrets", subject),
        _binding("ClusterRoleBinding", everywhere, "ClusterRole", "krt-secrets-apps", subject),
    )


def _binding(kind: str, metadata: dict[str, str], role_kind: str, role: str, subject: dict[str, str]) -> Object:
    group = "rbac.authorization.k8s.io"
    reference = {"apiGroup": group, "kind": role_kind, "name": role}
    common = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata}
    return {**common, "roleRef": reference, "subjects": [subject]}


async def test_a_namespace_that_is_being_deleted_gets_nothing(secrets: SecretsDesk) -> None:
    """Nothing is tried there, for the API server would refuse it again and again."""
    going = SecretsDesk(secrets.server, await secrets.server.create_namespace())
    await going.associate()
    await going.deploy()
    await going.put(KEY="one")
    await going.link("web")
    async with secrets.running():
        await going.until_delivered(KEY="one")
        await going.until_state("Delivered")
        secrets.requests.clear()
        await going.server.request("DELETE", f"/api/v1/namespaces/{going.namespace}")
        await going.until_condition("False", "NamespaceTerminating")
        await trio.sleep(GATHER_SECONDS)
        assert [each for each in secrets.writes if f"/{going.namespace}/" in each and "/events" not in each] == []
    await secrets.server.client.delete(f"{GROUP}/apps/{going.app}")


async def test_two_namespaces_of_one_environment_get_nothing_until_it_is_left_to_one(secrets: SecretsDesk) -> None:
    """C3, C4."""
    other = await secrets.server.create_namespace()
    await secrets.associate(namespace=other)
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web", "missing", "stateful")
    await secrets.server.apply(a_stateful_set("stateful", namespace=secrets.namespace))
    async with secrets.running():
        await secrets.until_condition("False", "Ambiguous", other)
        assert await secrets.copy() is None
        await secrets.associate(None, namespace=other)
        await secrets.until_delivered(KEY="one")
        await secrets.until_state("Missing", "there is no Deployment missing", "missing")
        await secrets.until_state("NotADeployment", "stateful is a StatefulSet", "stateful")


async def test_a_source_that_is_missing_double_or_empty_leaves_what_is_there(secrets: SecretsDesk) -> None:
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    path = f"/api/v1/namespaces/{secrets.namespace}/secrets"
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        generation = await secrets.generation()
        await secrets.put("second", KEY="two")
        await secrets.until_condition("False", "SeveralSources", "second, source")
        await secrets.server.request("DELETE", f"{path}/second")
        await secrets.until_condition("True", "Delivered")
        await secrets.put()
        await secrets.until_condition("False", "EmptySource")
        await secrets.server.request("DELETE", f"{path}/source")
        await secrets.until_condition("False", "NoSource")
        await secrets.until_settled(controller)
        assert (await secrets.values(), await secrets.generation()) == ({"KEY": "one"}, generation)
        await secrets.associate(None)
        await secrets.until_condition("False", "NoNamespace")
        assert await secrets.is_delivered(KEY="one")


async def test_a_secret_of_the_copys_name_that_is_not_krts_is_refused_with_an_event(secrets: SecretsDesk) -> None:
    """No watch of krt's sees that Secret, so krt tries again. Seen to fail when krt looked in ten minutes only."""
    await secrets.deploy()
    await secrets.put(KEY="one")
    metadata = {"name": copy_name(secrets.app, "web"), "namespace": secrets.namespace}
    await secrets.server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"A": "Yg=="}})
    await secrets.link("web")
    async with secrets.running():
        await secrets.until_state("Refused", "is not krt's")
        await secrets.until_event("SecretsNotDelivered", "is not krt's")
        assert await secrets.values() == {"A": "b"}
        await secrets.server.request("DELETE", f"/api/v1/namespaces/{secrets.namespace}/secrets/{metadata['name']}")
        await secrets.until_delivered(KEY="one")


async def test_an_api_server_that_fails_each_patch_for_a_while_gets_the_attachment_later(
    secrets: SecretsDesk, api_proxy: HttpsProxy
) -> None:
    """Failed patches do not count as attachments that somebody has taken back, or the end would be `Fighting`."""
    account = await secrets.server.account(secrets.namespace, "krt-controller", [EVERYTHING], everywhere=True)
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    api_proxy.faults.on(r"PATCH .*/deployments/web", Answer(503), times=5)
    async with secrets.running(kubeconfig=secrets.server.kubeconfig(account.token, proxy=api_proxy)):
        await secrets.until_state("Refused")
        await secrets.until_state("Delivered")
        await secrets.until_delivered(KEY="one")
        copy = await secrets.copy()
        assert copy is not None
        assert int(copy["metadata"]["annotations"]["krt/stamps"]) < MOST_STAMPS
