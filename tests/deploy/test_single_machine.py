"""`krt all` on one machine, as docs/deployment.md has it: its settings, its one user at Valkey, the systemd unit."""

import json
import os
import re
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from krt.dev.embed import embedded
from krt.dev.valkey import open_valkey
from krt.settings.load import load
from krt.settings.roles import known_variables
from tests.apiserver.binaries import program
from tests.apiserver.objects import a_deployment
from tests.apiserver.server import ApiError, ApiServer
from tests.deploy.rendered import DEPLOY, render
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.valkey_users import ADMIN
from tests.fault.krt_process import Krt

UNIT = (DEPLOY / "systemd" / "krt.service").read_text()
GUIDE = (DEPLOY.parent / "docs" / "deployment.md").read_text().partition("## A single machine")[2]


def block(name: str) -> str:
    """The commands or lines below that comment of the guide."""
    return textwrap.dedent(re.split(r"```sh\n", GUIDE.partition(f"<!-- {name} -->")[2])[1].partition("```")[0])


def documented() -> dict[str, str]:
    """The file krt.env."""
    return dict(line.split("=", 1) for line in block("krt.env").splitlines())


def of_the_unit() -> dict[str, str]:
    lines = re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)
    pairs = dict(word.split("=", 1) for line in lines for word in line.split())
    return {name: value for name, value in pairs.items() if not name.startswith("PYTHON")}


def files(folder: Path) -> dict[str, str]:
    """What stands in /etc/krt, and where systemd puts it."""
    (folder / "krt.toml").write_text('[[allow]]\nwho = "acme@65/*"\nimages = ["ghcr.io/acme/{repo}"]\n')
    (folder / "kubeconfig").write_text("{}")
    (folder / "valkey-password").write_text("secret\n")
    assert set(re.findall(r"^LoadCredential=([^:]+):/etc/krt/\1$", UNIT, re.MULTILINE)) == {
        "krt.toml",
        "kubeconfig",
        "valkey-password",
    }
    return {name: value.replace("%d", str(folder)) for name, value in of_the_unit().items()}


def test_the_settings_start_both_roles(tmp_path: Path) -> None:
    settings = load("all", {}, documented() | files(tmp_path))
    assert settings.web
    assert settings.cluster
    assert set(documented()) <= known_variables()


def test_docker_is_told_the_same() -> None:
    command = GUIDE.partition("docker run --detach")[2].partition("```")[0].replace("\\\n", " ")
    assert set(re.findall(r"--env (\w+)=", command)) <= known_variables()
    assert set(of_the_unit()) <= set(re.findall(r"--env (\w+)=", command))
    assert command.split()[-1] == "all"


async def pasted(name: str, folder: Path, **environ: str) -> None:
    """That block of the guide, as pasted into a shell in a copy of what it reads; its files are in the folder then."""
    (folder / "deploy").symlink_to(DEPLOY)
    path = f"{program('kubectl').parent}{os.pathsep}{os.environ['PATH']}"
    with trio.fail_after(PATIENCE_SECONDS):
        await trio.run_process(["sh", "-euc", block(name)], cwd=folder, env={"PATH": path, **environ})


async def token_comes(server: ApiServer) -> None:
    """Do what Kubernetes' token controller does, which does not run here, once the Secret is there."""

    async def filled() -> bool:
        with suppress(ApiError):
            data = {"token": await server.token("krt", "krt-worker"), "ca.crt": server.ca_file.read_text()}
            patch = ("patch", "secret", "krt-worker-token", "-p", json.dumps({"stringData": data}))
            return (await server.kubectl("-n", "krt", *patch)).code == 0
        return False

    await until_on_wall_clock(filled)


async def refusal(server: ApiServer, kubeconfig: Path, namespace: str) -> str:
    """What the account hears that changes a label. The API server needs a moment to obey a new policy."""
    said = ""

    async def is_refused() -> bool:
        nonlocal said
        label = ("label", "deployment/web", "--overwrite", f"n={trio.current_time()}", "-n", namespace)
        ran = await server.kubectl(*label, kubeconfig=kubeconfig)
        said = ran.err
        return ran.code != 0

    await until_on_wall_clock(is_refused)
    return said


@pytest.fixture
async def account(apiserver: ApiServer) -> AsyncIterator[Path]:
    """The overlay of that name, for the guide's commands to apply. It is gone when the next test begins."""
    folder = DEPLOY / "kubernetes" / "overlays" / "account"
    yield folder
    assert (await apiserver.kubectl("delete", "-k", str(folder))).code == 0


@pytest.mark.apiserver
async def test_the_account_of_the_guide_restarts_and_may_do_nothing_else(
    apiserver: ApiServer, account: Path, namespace: str, tmp_path: Path
) -> None:
    """By the kubeconfig that the guide's commands make. The overlay has no pod, and no setting of one."""
    about_pods = {"Deployment", "StatefulSet", "Service", "NetworkPolicy", "PodDisruptionBudget", "ConfigMap"}
    assert about_pods.isdisjoint(each["kind"] for each in render(account).objects)
    admin = {"KUBECONFIG": str(apiserver.control_plane.kubeconfig), "HOME": str(tmp_path)}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(token_comes, apiserver)
        await pasted("the kubeconfig", tmp_path, **admin)
    made = tmp_path / "kubeconfig"
    assert made.stat().st_mode & 0o077 == 0
    await apiserver.apply(a_deployment("web", namespace=namespace))
    explain = [sys.executable, "-m", "krt", "explain", "ghcr.io/acme/shop:dev", "--kubeconfig", str(made)]
    done = await trio.run_process(explain, capture_stdout=True)
    assert f"cluster: {apiserver.url}" in done.stdout.decode()
    assert (await apiserver.kubectl("rollout", "restart", "deployment/web", "-n", namespace, kubeconfig=made)).code == 0
    assert "krt-worker may not change" in await refusal(apiserver, made, namespace)


async def test_one_user_with_the_rules_of_both_is_enough(tmp_path: Path) -> None:
    await pasted("the user", tmp_path)
    assert (tmp_path / "valkey-password").stat().st_mode & 0o077 == 0
    users = (tmp_path / "users.acl").read_text().splitlines()
    async with (
        embedded(valkey=False) as dev,
        open_valkey(users=[*users, ADMIN], durable=True) as valkey,
    ):
        signed_in = {"VALKEY_USERNAME": "krt", "VALKEY_PASSWORD_FILE": str(tmp_path / "valkey-password")}
        settings = {name: value for name, value in dev.environ.items() if name != "VALKEY_ADDR"}
        port_of_web = {"WEB_LISTEN_ADDR": "127.0.0.1:0"}
        krt = Krt("all", tmp_path, {**settings, **port_of_web, **signed_in, "VALKEY_ADDR": valkey.address})
        krt.spawn()
        try:
            await krt.wait_ready()
            url = re.search(r'"web_at": \["([^"]+)"', krt.log.read_text())
            assert url
            command = [sys.executable, "-m", "krt", "notify", dev.image, "--tags", "dev", "--wait"]
            with trio.fail_after(PATIENCE_SECONDS):
                done = await trio.run_process(
                    [*command, "--url", f"http://{url[1]}"], env=dict(dev.job_environ), check=False
                )
            assert done.returncode == 0
        finally:
            krt.process.send_kill()
            krt.process.reap()
    assert "does not let user" not in krt.log.read_text()
