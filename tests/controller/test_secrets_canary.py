"""A value of an app is found nowhere but in the source and the copy, also if the API server repeats it in a refusal."""

import base64
import json
from pathlib import Path

import httpx
import pytest
import trio

from tests.apiserver.objects import Object
from tests.controller.own_process import open_controller
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.polling import until_on_wall_clock
from tests.fault.krt_process import Krt

pytestmark = pytest.mark.apiserver

CANARY, REFUSED = "c4n4ry-0f-the-delivery", "c4n4ry-0f-the-refusal"
ADMISSION = "admissionregistration.k8s.io"


def a_loud_policy(namespace: str) -> tuple[Object, Object]:
    """Refuses a copy with the second value, and repeats the value in the sentence."""
    name, version = f"loud-{namespace}", f"{ADMISSION}/v1"
    encoded = base64.b64encode(REFUSED.encode()).decode()
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    is_copy = "has(object.metadata.labels) && 'krt/copy-of' in object.metadata.labels"
    validation = {
        "expression": f"!({is_copy}) || string(object.data.KEY) != '{encoded}'",
        "messageExpression": f"'the value {REFUSED} in base64 ' + string(object.data.KEY) + ' is too short'",
    }
    policy = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]},
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here},
    }
    return policy, binding


async def test_a_value_is_in_no_log_error_event_status_metric_page_or_process_list(
    secrets: SecretsDesk, tmp_path: Path
) -> None:
    await secrets.server.apply(*a_loud_policy(secrets.namespace))
    await secrets.deploy()
    await secrets.put(KEY=CANARY)
    await secrets.link("web")
    server, namespace = secrets.server, secrets.namespace
    try:
        async with open_controller(server, namespace, tmp_path, "secrets", LOG_LEVEL="debug") as krt:
            await krt.wait_ready()
            await secrets.until_delivered(KEY=CANARY)
            await secrets.put(KEY=REFUSED)
            await secrets.until_state("Refused")
            await until_on_wall_clock(lambda: "secrets_not_delivered" in krt.log.read_text())
            texts = {"log": krt.log.read_text(), **await said(secrets, krt)}
            assert "secrets_delivered" in texts["log"]
            assert "SecretsDelivered" in texts["events"]
            assert f"{secrets.app}: FirstDelivery; new pods get them" in texts["/"]
            assert "krt_secret_failures_total" in texts["/metrics"]
            hidden = [
                form for value in (CANARY, REFUSED) for form in (value, base64.b64encode(value.encode()).decode())
            ]
            found = [(place, form) for place, text in texts.items() for form in hidden if form in text]
            assert found == []
            assert await secrets.values() == {"KEY": CANARY}
    finally:
        for each in a_loud_policy(secrets.namespace):
            plural = (
                "validatingadmissionpolicies"
                if each["kind"].endswith("Policy")
                else "validatingadmissionpolicybindings"
            )
            await secrets.server.client.delete(f"/apis/{ADMISSION}/v1/{plural}/{each['metadata']['name']}")


async def said(secrets: SecretsDesk, krt: Krt) -> dict[str, str]:
    """Everything that the controller has written for others to read."""
    events = await secrets.server.request("GET", f"/apis/events.k8s.io/v1/namespaces/{secrets.namespace}/events")
    texts = {"events": json.dumps(events), "status": json.dumps(await secrets.status())}
    texts["deployment"] = json.dumps(await secrets.deployment())
    for name in ("cmdline", "environ"):
        texts[name] = await trio.Path(f"/proc/{krt.process.pid}/{name}").read_text(errors="replace")
    async with httpx.AsyncClient(trust_env=False) as client:
        for path in ("/metrics", "/readyz", "/"):
            texts[path] = (await client.get(f"{krt.admin_url}{path}")).text
    return texts
