"""The file's content is in the Secret alone: in no output, log, record, report, and in no list of processes."""

import base64
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from krt.delivery.errors import DeliveryFailed
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment
from tests.apiserver.pods import Ready, Unready
from tests.delivery.commands import Desk
from tests.delivery.runs import Runs
from tests.fakes.polling import until_on_trio_clock
from tests.pages import ROOT

pytestmark = pytest.mark.apiserver

CANARY = "canary-91c4e7"
FORMS = (CANARY, base64.b64encode(CANARY.encode()).decode())


def is_in(text: str) -> bool:
    return any(form in text for form in FORMS)


async def test_a_value_is_in_no_output_record_report_or_process(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    desk.write(CANARY.encode())
    kubelet.decide(Unready())
    target = {"restart_targets": ["deployment/web"], "rollout_timeout_s": 5}
    planned = await desk.run("apply", "--dry-run", "-o", "json", **target)
    async with desk.running("apply", "-o", "json", **target) as run:
        await until_on_trio_clock(lambda: "progressing" in run.err)
        processes = (await trio.run_process(["ps", "-ww", "-eo", "pid,args"], capture_stdout=True)).stdout.decode()
        assert await run.ended() == 1
    kubelet.decide(Ready())
    done = await desk.run("apply", "-o", "json", **target)
    assert done.code == 0
    files = [path.read_text() for path in desk.state.rglob("*") if path.is_file()]
    texts = (planned.out, planned.err, run.out, run.err, done.out, done.err, processes, *files)
    assert len(files) == 2  # the record and its lock
    assert not [text for text in texts if is_in(text)]


async def test_a_value_is_in_no_debug_log_and_in_no_refusal(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    """An admission policy repeats the value in its denial: krt's sentence has stars in its place."""
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": f"repeats-{runs.namespace}"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": runs.namespace}},
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["secrets"]}
                ],
            },
            "validations": [
                {
                    "expression": "!('dist.tgz' in object.data)",
                    "messageExpression": "'it holds ' + string(object.data['dist.tgz'])",
                }
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": f"repeats-{runs.namespace}"},
        "spec": {"policyName": f"repeats-{runs.namespace}", "validationActions": ["Deny"]},
    }
    caplog.set_level(logging.DEBUG)
    await runs.publish(b"before")
    await runs.server.apply(policy, binding)
    try:
        denied = await refused(runs)
    finally:
        for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            path = f"/apis/admissionregistration.k8s.io/v1/{kind}/repeats-{runs.namespace}"
            await runs.server.request("DELETE", path)
    assert "it holds ***" in denied
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert not is_in(denied + str(runs.report) + caplog.text)


async def refused(runs: Runs) -> str:
    """The sentence of the denial, once the policy is in force."""
    for number in range(200):
        try:
            await runs.publish(CANARY.encode() if number % 2 == 0 else b"before")
        except DeliveryFailed as error:
            return str(error)
        await trio.sleep(0.1)
    raise AssertionError("the policy never denied")


AT_DEBUG = """
import logging, sys
class Everything(logging.Handler):
    def emit(self, record):
        with open(sys.argv[1], "a") as file:
            file.write(f"{record.getMessage()} {record.__dict__}\\n")
logging.basicConfig(level=logging.DEBUG, handlers=[Everything()])
from krt.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


class AtDebug:
    """Runs krt with every logger at debug, and keeps whatever it writes anywhere."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder, self.texts = desk, folder, list[str]()
        self.written = {name: folder / name for name in ("log", "summary", "outputs", "state")}

    async def run(self, kubeconfig: Path, *words: str) -> int:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.written["summary"]),
            "GITHUB_OUTPUT": str(self.written["outputs"]),
        }
        where = ("-n", self.desk.namespace, "--secret", "site", "--kubeconfig", str(kubeconfig), "--timeout", "5s")
        words = (*words, *where, "--state", str(self.written["state"]))
        log = str(self.written["log"])
        done = await trio.run_process(
            [sys.executable, "-c", AT_DEBUG, log, *words],
            env=environ,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        self.texts += [done.stdout.decode(), done.stderr.decode()]
        assert "Traceback" not in self.texts[-1]
        return done.returncode

    def said(self) -> str:
        return "\n".join([*self.texts, *(file.read_text() for file in self.written.values() if file.exists())])


async def test_neither_file_nor_kubeconfig_is_in_any_output_at_debug(
    desk: Desk, kubelet: Kubelet, tmp_path: Path
) -> None:
    """Every end of publish and unpublish, with every form of credentials."""
    token = desk.server.control_plane.credentials.admin_token
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    desk.write(CANARY.encode() * 20)
    document = yaml.safe_load(await trio.Path(desk.inputs["kubeconfig_path"]).read_text())
    right = dict(document["clusters"][0]["cluster"])

    def kubeconfig(name: str, user: dict[str, Any], **cluster: Any) -> Path:
        found = {**document, "users": [{**document["users"][0], "user": user}]}
        found["clusters"] = [{**document["clusters"][0], "cluster": {**right, **cluster}}]
        (tmp_path / name).write_text(yaml.safe_dump(found))
        return tmp_path / name

    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    script = f"echo {CANARY} >&2; echo '{json.dumps(credential)}'"
    plugin = {"apiVersion": credential["apiVersion"], "interactiveMode": "Never", "command": "/bin/sh", "args": ["-c"]}
    good = kubeconfig("token", {"token": token})
    by_plugin = kubeconfig(
        "plugin", {"exec": {**plugin, "args": ["-c", script], "env": [{"name": "A", "value": CANARY}]}}
    )
    bad = (
        kubeconfig("wrong-token", {"token": CANARY}),
        kubeconfig("password", {"username": "a", "password": CANARY}),
        kubeconfig("key", {"client-certificate-data": FORMS[1], "client-key-data": FORMS[1]}),
        kubeconfig("broken-plugin", {"exec": {**plugin, "args": ["-c", f"echo {CANARY}; exit 3"]}}),
        kubeconfig("two", {"token": CANARY, "username": CANARY, "password": CANARY}),
        kubeconfig("unknown", {"token": CANARY, "auth-provider": {"name": "oidc", "config": {"id-token": CANARY}}}),
        kubeconfig("authority", {"token": token}, **{"certificate-authority-data": FORMS[1]}),
        kubeconfig("proxy", {"token": token}, **{"proxy-url": f"http://a:{CANARY}@127.0.0.1:9"}),
    )
    krt = AtDebug(desk, tmp_path)
    publish = ("publish", str(desk.bundle), "--restart", "deploy/web")
    assert await krt.run(good, *publish, "--dry-run", "-o", "json") == 0
    kubelet.decide(Unready())
    assert await krt.run(good, *publish) == 1
    kubelet.decide(Ready())
    assert await krt.run(by_plugin, *publish, "-o", "json") == 0
    assert await krt.run(good, *publish) == 0
    for each in bad:
        desk.write(each.name.encode() + CANARY.encode())
        assert await krt.run(each, *publish, "-o", "json") != 0, each
    assert await krt.run(by_plugin, "unpublish") == 0
    said = krt.said()
    assert "httpcore" in said
    assert "HTTP Request: PATCH" in said
    assert not is_in(said)
    assert token not in said
