"""A Secret's values stand in no error, whatever the real API server or an admission policy says of it."""

from base64 import b64encode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trio

from krt.cluster.object_errors import ObjectInvalid
from krt.cluster.objects import apply, delete, patch
from krt.cluster.transport import Transport
from krt.core.kube.builtin import SECRET
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.errors import ClusterError, ClusterRefused
from tests.contract.manifests import an_object
from tests.fakes.pace import PATIENCE_SECONDS

CANARY = "canary-7f3a"
PACKED = b64encode(CANARY.encode()).decode()
ADMISSION = partial(Resource, "admissionregistration.k8s.io", "v1", namespaced=False)
POLICY = ADMISSION("ValidatingAdmissionPolicy", "validatingadmissionpolicies")
BINDING = ADMISSION("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings")


@pytest.fixture
def key(namespace: str) -> ObjectKey:
    return SECRET.key(namespace, "bundle")


def shown(error: BaseException) -> str:
    """Everything that a log, a report or a traceback could print of it."""
    chain, texts = error, list[str]()
    while chain is not None:
        texts += [str(chain), repr(chain), repr(getattr(chain, "fields", ""))]
        chain = chain.__cause__ or chain.__context__
    return "\n".join(texts)


FAULTY: dict[str, dict[str, Any]] = {
    "no base64": {"data": {"a": f"{CANARY}!"}},
    "a number": {"data": {"a": 7391846520}},
    "a list": {"data": {"a": [CANARY]}},
    "fields": {"data": {"a": {"password": CANARY}}},
    "no fields": {"data": CANARY},
    "plain text, a list": {"stringData": {"a": [CANARY]}},
    "plain text, a number": {"stringData": {"a": 7391846520}},
    "an odd name": {"data": {"no name": PACKED}},
    "no credentials": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": PACKED}},
    "no key": {"type": "kubernetes.io/tls", "data": {"tls.crt": PACKED}},
}


@pytest.mark.parametrize("name", FAULTY)
async def test_what_the_api_server_says_of_a_faulty_secret_repeats_no_value(transport, key, name: str) -> None:
    """Seen to fail with the server's words as they are: six of these ten repeat the value."""
    with pytest.raises(ClusterError, match=r"400|422|500") as refused:
        await apply(transport, SECRET, key, an_object(SECRET, key, **FAULTY[name]), manager="krt-1", force=True)
    for secret in (CANARY, PACKED, "7391846520"):
        assert secret not in shown(refused.value)


async def test_what_may_not_change_repeats_no_value(transport, key) -> None:
    fixed = an_object(SECRET, key, type="Opaque", immutable=True, data={"a": "QUJD"})
    await apply(transport, SECRET, key, fixed, manager="krt-1")
    with pytest.raises(ObjectInvalid, match="field is immutable when `immutable` is set") as refused:
        await apply(transport, SECRET, key, fixed | {"data": {"a": PACKED}}, manager="krt-1")
    assert PACKED not in shown(refused.value)


@pytest.fixture
async def repeated(transport: Transport, namespace: str) -> AsyncIterator[None]:
    """An admission policy refuses each Secret, and says what is in it."""
    name = f"{namespace}-repeats"
    match = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["CREATE", "UPDATE"]}
        ],
    }
    says = {"expression": "false", "messageExpression": "'it holds ' + string(object.data.a)"}
    specs = {
        POLICY: {"matchConstraints": match, "validations": [says]},
        BINDING: {"policyName": name, "validationActions": ["Deny"]},
    }
    made = []
    for resource, spec in specs.items():
        key = resource.key("", name)
        body = (await apply(transport, resource, key, an_object(resource, key, spec=spec), manager="test")).body
        made.append((resource, key, body["metadata"]["uid"]))
    yield
    for resource, key, uid in made:
        await delete(transport, resource, key, uid=uid)


async def test_what_an_admission_policy_says_repeats_no_value(transport, key, repeated) -> None:
    secret = an_object(SECRET, key, data={"a": PACKED, "b": "QUJD"})
    with trio.fail_after(PATIENCE_SECONDS):
        while True:  # the API server takes a moment to notice a policy
            try:
                await apply(transport, SECRET, key, secret, manager="krt-1", dry_run=True)
            except ClusterRefused as error:
                refused = error
                break
            await trio.sleep(0.05)
    assert "it holds ***" in str(refused)
    assert CANARY not in shown(refused)


async def test_a_patch_that_is_refused_repeats_no_value(transport, key) -> None:
    await apply(transport, SECRET, key, an_object(SECRET, key, data={"a": "QUJD"}), manager="krt-1")
    for value, operation in ((f"{CANARY}!", "add"), ([CANARY], "add"), ({"a": CANARY}, "add"), (PACKED, "test")):
        operations = [{"op": operation, "path": "/data/a", "value": value}]
        with pytest.raises(ClusterError) as refused:
            await patch(transport, SECRET, key, operations, manager="krt-1")
        assert CANARY not in shown(refused.value)
        assert PACKED not in shown(refused.value)
