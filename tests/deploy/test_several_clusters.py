"""What the docs say of several clusters, run as it stands there: an overlay without a web, and how one is forgotten."""

import os
import re
import subprocess
import sys
import textwrap
from hashlib import sha256
from pathlib import Path

import pytest
import trio

from krt.broker.client import open_client
from krt.broker.clusters import seen_clusters
from krt.broker.endpoint import parse_endpoint
from krt.dev.valkey import open_valkey
from tests.deploy.rendered import DEPLOY, Variant, render
from tests.fakes.valkey_users import ACL_FILE, ADMIN, PLACEHOLDER, password_of
from tests.worker.accepting import KEYS

DOCS = DEPLOY.parent / "docs"
ROOT = DEPLOY.parent

# kubectl, as far as the commands ask for it: the Secret is a file, and a pod is this machine with the pod's variables.
KUBECTL = f"""#!{sys.executable}
import base64, json, os, subprocess, sys
acl = os.environ["SECRET_FILE"]
match sys.argv[1:]:
    case ["-n", "krt", "get", "secret", "valkey", "-o", r"jsonpath={{.data.users\\.acl}}"]:
        sys.stdout.write(base64.b64encode(open(acl, "rb").read()).decode())
    case ["-n", "krt", "patch", "secret", "valkey", "-p", patch]:
        open(acl, "wb").write(base64.b64decode(json.loads(patch)["data"]["users.acl"], validate=True))
    case ["-n", "krt", "rollout", "restart" | "status", "statefulset/valkey"]:
        pass
    case ["-n", "krt", "exec", "-i", "deployment/krt-worker", "--", "sh", "-c", script, name]:
        krt = f"{{sys.executable}} -m krt"
        sys.exit(subprocess.run(["sh", "-c", script.replace("/opt/krt/bin/krt", krt), name]).returncode)
    case other:
        sys.exit(f"the docs' commands are not known to this test: {{other}}")
"""


def fences(page: str, heading: str, language: str) -> list[str]:
    """The blocks of code that follow a place of a page, up to the next such place."""
    text = (DOCS / page).read_text().partition(heading)[2]
    text = re.split(r"\n## |\n- \*\*…", text)[0]
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


@pytest.mark.apiserver  # for the kubectl that comes with it
def test_the_overlay_of_another_cluster_has_a_named_worker_and_no_web(tmp_path: Path) -> None:
    Variant("external-valkey", components=("kinds",)).folder(tmp_path)
    folder = tmp_path / "deploy" / "kubernetes" / "overlays" / "eu"
    folder.mkdir()
    [kustomization] = fences("deployment.md", "\n## Several clusters\n", "yaml")
    (folder / "kustomization.yaml").write_text(kustomization)
    rendered = render(folder)
    assert rendered.settings("worker")["KRT_CLUSTER"] == "eu"
    assert rendered.settings("worker")["VALKEY_ADDR"]
    assert [each["metadata"]["name"] for each in rendered.of("Deployment")] == ["krt-worker"]
    assert [each for each in rendered.objects if each["metadata"]["name"].startswith("krt-web")] == []


def deployed() -> str:
    """users.acl as `secrets` makes it: the operator is off."""
    lines = ACL_FILE.read_text().splitlines(keepends=True)
    return "".join(
        line.replace(PLACEHOLDER, f"#{sha256(password_of(line.split()[1]).encode()).hexdigest()}") for line in lines
    )


async def run(script: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """The commands, as pasted into a shell."""
    program = folder / "bin" / "kubectl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(KUBECTL)
    program.chmod(0o700)
    told = {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **environ}
    told |= {"SECRET_FILE": str(folder / "secret")}
    return await trio.run_process(
        ["sh", "-euc", script], env=told, cwd=folder, capture_stdout=True, capture_stderr=True, check=False
    )


async def test_the_commands_of_the_docs_forget_a_retired_cluster(tmp_path: Path) -> None:
    """And leave the users as they were. Seen to fail with the commands as they stood there: nobody was turned on."""
    turn_on, forget, turn_off = fences("operations.md", '<a id="a-cluster-is-retired"></a>', "sh")
    secret = tmp_path / "secret"
    secret.write_text(deployed())
    done = await run(turn_on, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "operator-password").stat().st_mode & 0o077 == 0
    async with open_valkey(users=[*secret.read_text().splitlines(), ADMIN]) as valkey:
        admin = parse_endpoint(valkey.address.replace("unix://", "unix://admin:any@"))
        (tmp_path / "worker-password").write_text(password_of("krt-worker"))
        pod = {
            "VALKEY_ADDR": valkey.address,
            "VALKEY_USERNAME": "krt-worker",
            "VALKEY_PASSWORD_FILE": str(tmp_path / "worker-password"),
        }
        async with open_client(admin) as client:
            now = int((await client.call("TIME"))[0])
            await client.call("HSET", KEYS.alive, "eu:1", f"{now - 900} {now - 100} 0 {{}}")
            done = await run(re.sub(r"\bNAME\b", "eu", forget), tmp_path, **pod)
            assert (done.returncode, done.stdout) == (0, b"forgotten: eu\n"), done.stderr
            assert (await seen_clusters(client, KEYS)).groups == {}
    done = await run(turn_off, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert secret.read_text() == deployed()
    assert not (tmp_path / "operator-password").exists()


def test_no_password_of_the_commands_is_seen_in_a_list_of_processes() -> None:
    """Arguments are; what a shell exports or reads from a file is not."""
    blocks = fences("operations.md", '<a id="a-cluster-is-retired"></a>', "sh")
    words = [line for block in blocks for line in block.splitlines() if "VALKEY_PASSWORD=" in line]
    assert words == ['export VALKEY_USERNAME=krt-operator VALKEY_PASSWORD="$(cat)"']
