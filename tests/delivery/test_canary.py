"""The file's content is in the Secret alone: in no output, log, record, report, and in no list of processes."""

import base64
import logging

import pytest
import trio

from krt.delivery.errors import DeliveryFailed
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment
from tests.apiserver.pods import Ready, Unready
from tests.delivery.commands import Desk
from tests.delivery.runs import Runs
from tests.fakes.polling import until_on_trio_clock

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
