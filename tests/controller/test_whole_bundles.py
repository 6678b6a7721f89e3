"""Bundles with namespaces, definitions and custom resources; and what becomes of two controllers."""

from datetime import UTC, datetime

import pytest
import trio

from krt.cli.roles import leaves
from krt.cluster.objects import Body
from krt.errors import SettingsInvalid
from tests.apiserver.kubelet import Kubelet
from tests.controller.desk import GROUP, Desk
from tests.controller.whole import whole
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver


async def is_there(desk: Desk, path: str) -> bool:
    return (await desk.server.client.get(path)).status_code != 404


async def test_a_definition_and_its_object_in_one_bundle_come_and_go_in_order(desk: Desk, kubelet: Kubelet) -> None:
    """R25, R26: everything goes, also the namespace and the definition, the object of the definition first."""
    space, group = f"{desk.namespace}-shop", f"{desk.namespace}.example.com"
    desk.push(*whole(desk))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        assert await is_there(desk, f"/apis/{group}/v1/namespaces/{space}/widgets/w")
        await desk.server.client.delete(f"/apis/{group}/v1/namespaces/{space}/widgets/w")

        async def is_back() -> bool:
            return await is_there(desk, f"/apis/{group}/v1/namespaces/{space}/widgets/w")

        await until_on_wall_clock(is_back)
        desk.requests.clear()
        await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")

        async def is_gone() -> bool:
            return not await is_there(desk, f"{GROUP}/bundledeployments/{desk.name}")

        await until_on_wall_clock(is_gone)
        assert not await is_there(desk, f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")
        assert not await is_there(desk, f"/api/v1/namespaces/{space}/configmaps/a")
        deletions = [each for each in desk.writes if each.startswith("DELETE") and "/bundles/" not in each]
        deleted = [each.rpartition("/")[2] for each in deletions]
        order = [deleted.index(name) for name in ("w", "web", "a", f"widgets.{group}", space)]
        assert order == sorted(order), deleted


async def test_a_namespace_with_objects_of_others_stays(desk: Desk) -> None:
    space = f"{desk.namespace}-shop"
    desk.push(*(each for each in whole(desk) if each["kind"] in {"Namespace", "ConfigMap"}))
    async with desk.running():
        await desk.deploy()
        await desk.until_installed()
        mine = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": space}}
        await desk.server.apply(mine)
        await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")

        async def is_gone() -> bool:
            return not await is_there(desk, f"{GROUP}/bundledeployments/{desk.name}")

        await until_on_wall_clock(is_gone)
        assert await is_there(desk, f"/api/v1/namespaces/{space}/configmaps/mine")
        assert not await is_there(desk, f"/api/v1/namespaces/{space}/configmaps/a")
    await desk.server.delete_namespace(space)


async def test_an_orderly_stop_gives_the_lease_to_the_other_at_once(desk: Desk) -> None:
    desk.push(desk.config_map("a", v="1"))
    async with desk.running("one") as one:
        await until_on_wall_clock(lambda: one.leadership.leads)
        async with desk.running("two") as two:
            await until_on_wall_clock(lambda: two.leadership.holder == "one")
            assert not two.leadership.leads
            await desk.deploy()
            await desk.until_installed()
            assert await desk.is_installed()
            lease = await desk.server.get("Lease", desk.namespace, "krt-bundles", "coordination.k8s.io/v1")
            assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseDurationSeconds"]) == ("one", 15)
    async with desk.running("three") as three:
        await until_on_wall_clock(lambda: three.leadership.leads, within_seconds=10)


async def test_a_lease_that_nobody_renews_is_taken_after_fifteen_seconds(desk: Desk) -> None:
    """By the time since the last change that this process has seen: clocks of other machines mean nothing."""
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 15, "renewTime": "2030-01-01T00:00:00.000000Z"}
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "krt-bundles", "namespace": desk.namespace},
        "spec": spec,
    }
    await desk.server.apply(lease)
    async with desk.running("two") as two:
        await until_on_wall_clock(lambda: two.leadership.holder == "dead")
        assert not two.leadership.leads
        await until_on_wall_clock(lambda: two.leadership.leads, within_seconds=60)


@pytest.mark.parametrize("sign", ["its webhook vbundles.core.rukpak.io", "its Lease {}/core.rukpak.io"])
async def test_a_controller_does_not_start_beside_a_rukpak(desk: Desk, sign: str) -> None:
    sign = sign.format(desk.namespace)
    webhook = {
        "name": "vbundles.core.rukpak.io",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": ["none"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["none"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    rukpak: Body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"{desk.namespace}-rukpak"},
        "webhooks": [webhook],
    }
    if "Lease" in sign:
        renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        rukpak = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "core.rukpak.io", "namespace": desk.namespace},
            "spec": {"holderIdentity": "core_1", "renewTime": renewed},
        }
    await desk.server.apply(rukpak)
    try:
        with pytest.raises(BaseExceptionGroup) as caught:
            async with desk.running():
                await trio.sleep(60)
        [error] = leaves(caught.value)
        assert isinstance(error, SettingsInvalid)
        problem = f"a RukPak is active in this cluster ({sign}): remove it before krt controller takes over"
        assert error.problems == (problem,)
    finally:
        path = await desk.server.path_of(rukpak["apiVersion"], rukpak["kind"], rukpak["metadata"])
        await desk.server.request("DELETE", path)
