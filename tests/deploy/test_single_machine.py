"""`krt all` on one machine, as docs/deployment.md has it: its settings, its one user at Valkey, the systemd unit."""

import re
import sys
from pathlib import Path

import trio

from krt.dev.embed import embedded
from krt.dev.valkey import open_valkey
from krt.settings.load import load
from krt.settings.roles import known_variables
from tests.deploy.rendered import DEPLOY
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.valkey_users import deployed_users, password_of
from tests.fault.krt_process import Krt

UNIT = (DEPLOY / "systemd" / "krt.service").read_text()
GUIDE = (DEPLOY.parent / "docs" / "deployment.md").read_text().partition("## A single machine")[2]


def documented() -> dict[str, str]:
    """The file krt.env."""
    block = GUIDE.partition("```sh\n")[2].partition("```")[0]
    return dict(line.split("=", 1) for line in block.splitlines())


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


def the_user() -> str:
    """One user with the rules of both lines of users.acl."""
    lines = {line.split()[1]: line.split(" ", 3)[3] for line in deployed_users() if line.startswith("user krt-")}
    password = next(line.split()[3] for line in deployed_users() if line.startswith("user krt-web "))
    rules = " ".join(line.split(" ", 1)[1].replace("resetkeys ", "") for line in lines.values())
    rules = " ".join(word for word in rules.split() if word not in {"resetchannels", "-@all"})
    return f"user krt on {password} resetkeys resetchannels -@all {rules}"


async def test_one_user_with_the_rules_of_both_is_enough(tmp_path: Path) -> None:
    admin = "user admin on nopass ~* &* +@all"
    async with (
        embedded(valkey=False) as dev,
        open_valkey(users=["user default off", the_user(), admin], durable=True) as valkey,
    ):
        signed_in = {"VALKEY_USERNAME": "krt", "VALKEY_PASSWORD": password_of("krt-web")}
        settings = {name: value for name, value in dev.environ.items() if name != "VALKEY_ADDR"}
        port_of_web = {"WEB_LISTEN_ADDR": "127.0.0.1:0"}
        krt = Krt("all", tmp_path, {**settings, **port_of_web, **signed_in, "VALKEY_ADDR": valkey.address})
        krt.process.spawn()
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
