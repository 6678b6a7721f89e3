"""The overlay of App secrets: its rights are enough for the whole way of a value, and no more than it says."""

import copy
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from krt.cli.main import main
from krt.settings.load import load
from krt.settings.roles import known_variables
from tests.apiserver.apps import app_crd
from tests.apiserver.bundles import serve
from tests.apiserver.objects import Object
from tests.apiserver.server import ApiServer
from tests.controller.secrets_desk import SecretsDesk
from tests.deploy.rendered import DEPLOY, Rendered, render
from tests.fakes.polling import until_on_wall_clock
from tests.fault.krt_process import Krt

NAMESPACE, SHOP = "krt-secrets", "shop"
CANARY = "tr0ub4dor-&-3"
ROLES = ("ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return render(DEPLOY / "kubernetes" / "overlays" / "app-secrets")


def test_the_settings_are_settings_and_krt_starts_with_them(rendered: Rendered) -> None:
    settings = rendered.settings("controller")
    assert set(settings) <= known_variables()
    assert load("controller", {}, settings).controller is not None
    [(_, pod)] = rendered.pods()
    assert pod["serviceAccountName"] == "krt-controller"


def test_no_right_on_secrets_is_cluster_wide_and_nobody_is_impersonated(rendered: Rendered) -> None:
    """Seen to fail with the ClusterRole krt-secrets bound by a ClusterRoleBinding."""
    rules = {each["metadata"]["name"]: each["rules"] for each in rendered.of("ClusterRole")}
    everywhere = [rule for each in rendered.of("ClusterRoleBinding") for rule in rules[each["roleRef"]["name"]]]
    assert {resource for rule in everywhere for resource in rule["resources"]} == {"apps", "apps/status", "namespaces"}
    assert "impersonate" not in json.dumps(rendered.objects)
    assert "krt-bundles" not in json.dumps([each for kind in ROLES for each in rendered.of(kind)])
    bound = {(each["metadata"]["namespace"], each["roleRef"]["name"]) for each in rendered.of("RoleBinding")}
    assert bound == {(NAMESPACE, "krt-controller"), (SHOP, "krt-secrets")}


def uncommented(tmp_path: Path, overlay: str) -> Rendered:
    """The overlay with its components, as its comments say."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    file = tmp_path / "deploy" / "kubernetes" / "overlays" / overlay / "kustomization.yaml"
    text = file.read_text().replace("# - ../..", "- ../..")
    file.write_text(text.replace("  # - select", "  - select").replace("  #   ", "    "))
    return render(file.parent)


@pytest.mark.parametrize(("overlay", "home"), [("app-secrets", NAMESPACE), ("controller", "krt-bundles")])
def test_the_policy_passes_over_the_account_of_the_overlay(overlay: str, home: str, tmp_path: Path) -> None:
    """And that account has the rights."""
    rendered = uncommented(tmp_path, overlay)
    [policy] = rendered.of("MutatingAdmissionPolicy")
    [condition] = [each for each in policy["spec"]["matchConditions"] if each["name"] == "not-krt-controller"]
    account = f"'system:serviceaccount:' + '{home}' + ':' + 'krt-controller'"
    assert condition["expression"] == f"request.userInfo.username != {account}"
    subject = {"kind": "ServiceAccount", "name": "krt-controller", "namespace": home}
    assert rendered.one("ClusterRoleBinding", "krt-secrets-apps")["subjects"] == [subject]


@dataclass
class Installed:
    """The overlay on the real API server, with a controller as a process of its own."""

    desk: SecretsDesk
    krt: Krt
    folder: Path

    async def secrets(self, *words: str) -> None:
        kubeconfig = str(self.desk.server.control_plane.kubeconfig)
        argv = ("secrets", *words, "--environment", self.desk.environment, "--kubeconfig", kubeconfig)
        assert await trio.to_thread.run_sync(main, argv, {}) == 0


def placed(body: Object, namespace: str) -> Object:
    """The object, with the test's namespace for that of the environment."""
    body = copy.deepcopy(body)
    if body["metadata"].get("namespace") == SHOP:
        body["metadata"]["namespace"] = namespace
    return body


@pytest.fixture
async def installed(
    apiserver: ApiServer, namespace: str, rendered: Rendered, tmp_path: Path
) -> AsyncIterator[Installed]:
    await serve(apiserver, app_crd())
    desk = SecretsDesk(apiserver, namespace)
    await desk.associate()
    await apiserver.apply(*(placed(each, namespace) for kind in ("Namespace", *ROLES) for each in rendered.of(kind)))
    kubeconfig = apiserver.kubeconfig(await apiserver.token(NAMESPACE, "krt-controller"), namespace=NAMESPACE)
    settings = {**rendered.settings("controller"), "KRT_CONTROLLER_NAMESPACE": NAMESPACE}
    process = Krt("controller", tmp_path, {**settings, "KUBECONFIG": str(kubeconfig)})
    process.spawn()
    try:
        try:
            await process.wait_ready()
        except trio.TooSlowError:
            raise AssertionError(process.log.read_text()) from None
        yield Installed(desk, process, tmp_path)
    finally:
        process.process.send_kill()
        process.process.reap()
        await desk.clear()


async def events(desk: SecretsDesk) -> list[Any]:
    found = await desk.server.request("GET", f"/apis/events.k8s.io/v1/namespaces/{desk.namespace}/events")
    return list(found["items"])


@pytest.mark.apiserver
async def test_a_value_goes_its_whole_way_with_these_rights(installed: Installed) -> None:
    """Imported, delivered, changed, redelivered, ignored, detached: by a process, with the account of the overlay.

    Seen to fail with the right to create Events of the core group instead of events.k8s.io.
    """
    desk, file = installed.desk, installed.folder / ".env"
    await desk.deploy()
    await desk.link("web")
    file.write_text("KEY=one\n")
    await installed.secrets("import", desk.app, "-f", str(file))
    await desk.until_delivered(KEY="one")
    file.write_text(f"KEY='{CANARY}'\n")
    await installed.secrets("import", desk.app, "-f", str(file))
    await desk.until_delivered(KEY=CANARY)
    await desk.link("web", strategy="volume", mountPath="/etc/secrets")
    await installed.secrets("redeliver", desk.app)

    async def is_mounted() -> bool:
        return "volumeMounts" in (await desk.template())["spec"]["containers"][0]

    await until_on_wall_clock(is_mounted)
    await desk.mode("ignore-and-detach")

    async def is_detached() -> bool:
        return await desk.copy() is None and "krt" not in json.dumps(await desk.template())

    await until_on_wall_clock(is_detached)

    async def is_said() -> bool:
        return {"SecretsDelivered", "SecretsDetached"} <= {each["reason"] for each in await events(desk)}

    await until_on_wall_clock(is_said, within_seconds=30)
    log = installed.krt.log.read_text()
    assert "Traceback" not in log
    assert "not_written" not in log
    assert "not_delivered" not in log
    assert CANARY not in log + json.dumps([await events(desk), await desk.status(), await desk.deployment()])
