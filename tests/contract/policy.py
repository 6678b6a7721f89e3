"""An admission policy on the real API server that refuses whatever is patched in one namespace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import trio

from krt.dev.cluster.faults import POLICY_DENIES
from tests.apiserver.objects import Object
from tests.apiserver.server import ApiServer
from tests.fakes.pace import PATIENCE_SECONDS

POLICY, BINDING = "p", "b"  # the names and the sentence are the ones of the stand-in's own refusal
SENTENCE = POLICY_DENIES.rpartition(": ")[2]
REASONS = {403: "Forbidden", 422: "Invalid"}
API = "/apis/admissionregistration.k8s.io/v1"
POLL_SECONDS = 0.05


@asynccontextmanager
async def policy_refusing(server: ApiServer, namespace: str, code: int) -> AsyncIterator[None]:
    """In force when the body begins, and no more when it has ended: the API server takes a moment to notice either."""
    await server.apply(_policy(namespace, code))
    await server.apply(_binding())
    try:
        await _until_answered(server, namespace, code)
        yield
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 10):
            await server.request("DELETE", f"{API}/validatingadmissionpolicybindings/{BINDING}")
            await server.request("DELETE", f"{API}/validatingadmissionpolicies/{POLICY}")
    await _until_answered(server, namespace, 200)


async def _until_answered(server: ApiServer, namespace: str, code: int) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while (await _try(server, namespace)).status_code != code:  # noqa: ASYNC110 - nobody says when
            await trio.sleep(POLL_SECONDS)


async def _try(server: ApiServer, namespace: str) -> httpx.Response:
    """A change of nothing, to some object that is there."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    [first, *_] = (await server.request("GET", path))["items"]
    headers = {"Content-Type": "application/merge-patch+json"}
    return await server.client.patch(f"{path}/{first['metadata']['name']}", content=b"{}", headers=headers)


def _policy(namespace: str, code: int) -> Object:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}
    within = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule], **within},
            "validations": [{"expression": "false", "message": SENTENCE, "reason": REASONS[code]}],
        },
    }


def _binding() -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": BINDING},
        "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
    }
