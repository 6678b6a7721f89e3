"""The overlay of the controller: its rights are enough for the whole way of a bundle, and no more than it says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import yaml

from krt.settings.load import load
from krt.settings.roles import known_variables
from tests.apiserver.bundles import crds, serve
from tests.apiserver.objects import Object
from tests.apiserver.server import Account, ApiServer
from tests.cli.commands import run as krt
from tests.controller.desk import GROUP, Desk
from tests.deploy.rendered import DEPLOY, Rendered, render
from tests.fakes.polling import until_on_wall_clock
from tests.fault.krt_process import Krt
from tests.registry.server import RegistryServer

NAMESPACE = "krt-bundles"


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return render(DEPLOY / "kubernetes" / "overlays" / "controller")


def test_the_settings_are_settings_and_krt_starts_with_them(rendered: Rendered) -> None:
    settings = rendered.settings("controller")
    assert set(settings) <= known_variables()
    assert load("controller", {}, settings).controller is not None
    [(_, pod)] = rendered.pods()
    [container] = pod["containers"]
    assert container["ports"] == [{"name": "admin", "containerPort": 8083}]
    assert pod["serviceAccountName"] == "krt-controller"


def test_the_controller_may_impersonate_one_account_and_touch_no_object_itself(rendered: Rendered) -> None:
    """Seen to fail with `resourceNames` left out of the impersonation."""
    rules = [rule for kind in ("ClusterRole", "Role") for role in rendered.of(kind) for rule in role["rules"]]
    [impersonates] = [rule for rule in rules if "impersonate" in rule["verbs"]]
    assert (impersonates["resources"], impersonates["resourceNames"]) == (["serviceaccounts"], ["krt-deployer"])
    everywhere = [rule for role in rendered.of("ClusterRole") for rule in role["rules"]]
    writes = {"create", "update", "patch", "delete"}
    assert {group for rule in everywhere if writes & set(rule["verbs"]) for group in rule["apiGroups"]} == {
        "core.rukpak.io"
    }
    assert not any("*" in rule["verbs"] + rule["resources"] for rule in rules)


def test_nobody_may_call_the_controller_but_prometheus(rendered: Rendered) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in rendered.of("NetworkPolicy")}
    assert policies["krt-nothing"]["podSelector"] == {}
    [ingress] = policies["krt-controller"]["ingress"]
    assert ingress["ports"] == [{"port": "admin"}]


@dataclass
class Installed:
    """The overlay on the real API server, with a controller as a process of its own."""

    desk: Desk
    krt: Krt
    registry: RegistryServer
    folder: Path

    async def push(self, tag: str, *objects: Object) -> str:
        """By `krt artifact push`; the digest that it prints."""
        folder = self.folder / "bundle" / "manifests"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "all.yaml").write_text(yaml.safe_dump_all(objects))
        pushed = await trio.to_thread.run_sync(
            krt, "artifact", "push", str(folder.parent), f"{self.registry.host}/{self.desk.namespace}:{tag}"
        )
        assert pushed.code == 0, pushed
        return pushed.out.split()[-1]


@asynccontextmanager
async def _account(apiserver: ApiServer, rendered: Rendered) -> AsyncIterator[Account]:
    kinds = ("Namespace", "ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    await apiserver.apply(*(each for kind in kinds for each in rendered.of(kind)))
    token = await apiserver.token(NAMESPACE, "krt-controller")
    yield Account(NAMESPACE, "krt-controller", token, apiserver.kubeconfig(token, namespace=NAMESPACE))


@pytest.fixture
async def installed(
    apiserver: ApiServer, namespace: str, rendered: Rendered, registry: RegistryServer, tmp_path: Path
) -> AsyncIterator[Installed]:
    await serve(apiserver, *crds())
    async with _account(apiserver, rendered) as account:
        settings = {**rendered.settings("controller"), "KRT_CONTROLLER_NAMESPACE": NAMESPACE}
        process = Krt("controller", tmp_path, {**settings, "KUBECONFIG": str(account.kubeconfig)})
        process.spawn()
        desk = Desk(apiserver, namespace)
        try:
            try:
                await process.wait_ready()
            except trio.TooSlowError:
                raise AssertionError(process.log.read_text()) from None
            yield Installed(desk, process, registry, tmp_path)
        finally:
            process.process.send_kill()
            process.process.reap()
            await desk.clear()


@pytest.mark.apiserver
@pytest.mark.registry
async def test_a_bundle_goes_its_whole_way_with_these_rights(installed: Installed) -> None:
    """Installed, moved by an announcement, repaired, removed: by a process, with the account of the overlay."""
    desk = installed.desk
    ref = f"{installed.registry.host}/{desk.namespace}:main"
    await installed.push("main", desk.config_map("a", v="1"), desk.config_map("old", v="1"))
    await desk.deploy(ref)
    await desk.until_installed()
    digest = await installed.push("main", desk.config_map("a", v="2"))
    await desk.annotate(krt_announced="e1")
    await desk.until_installed(digest=digest, handled="e1")
    assert (await desk.data("a"), await desk.data("old")) == ({"v": "2"}, None)
    await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/configmaps/a")

    async def is_back() -> bool:
        return await desk.data("a") == {"v": "2"}

    await until_on_wall_clock(is_back)
    await desk.server.request("DELETE", f"{GROUP}/bundledeployments/{desk.name}")

    async def is_gone() -> bool:
        return await desk.data("a") is None and not await desk.bundles()

    await until_on_wall_clock(is_gone)
    assert "Traceback" not in installed.krt.log.read_text()
    assert "reconcile_failed" not in installed.krt.log.read_text()
