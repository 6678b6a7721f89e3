"""The stand-in's raw answers are the real server's: status, headers and body, call by call."""

import pytest

from tests.apiserver.objects import a_deployment
from tests.contract.normal import Normal, assert_same, normal
from tests.contract.pair import CLUSTER_WIDE, DEPLOYMENTS, MERGE, RESTART, WEB, Call, Pair, assert_alike, both
from tests.contract.subject import MERGE_PATCH, Subject

ELSEWHERE = "/apis/apps/v1/namespaces/elsewhere/deployments"
OWN_WORDS = ("message",)  # of what a token may not be, the stand-in speaks in its own

# What changes nothing: asked one after the other.
READS = [
    ({}, 200),
    ({"limit": "1"}, 200),
    ({"limit": "2", "resourceVersion": "0"}, 200),
    ({"limit": "-1"}, 200),
    ({"limit": "x"}, 400),
    ({"resourceVersion": "abc"}, 400),
    ({"resourceVersion": "-1"}, 400),
    ({"resourceVersion": "99999999"}, 504),
    ({"continue": "garbage!"}, 400),
    ({"continue": "e30"}, 400),
    ({"watch": "1", "timeoutSeconds": "x"}, 400),
    ({"watch": "1", "resourceVersion": "abc"}, 500),
]
PATHS = [
    ("GET", WEB, 200),
    ("GET", "/api/v1/namespaces/{ns}", 200),
    ("GET", "/apis/apps/v1/namespaces/none/deployments", 200),
    ("GET", f"{DEPLOYMENTS}/nope", 404),
    ("PATCH", f"{DEPLOYMENTS}/nope", 404),
    ("DELETE", f"{DEPLOYMENTS}/nope", 404),
    ("GET", "/api/v1/namespaces/nope", 404),
    ("GET", "/apis/apps/v1/widgets", 404),
    ("GET", "/apis/apps/v1//deployments", 404),
    ("GET", f"{CLUSTER_WIDE}/web", 404),
    ("GET", "/apis/other/v1/jobs", 404),
    ("PUT", DEPLOYMENTS, 405),
    ("POST", CLUSTER_WIDE, 405),
    ("PATCH", CLUSTER_WIDE, 405),
    ("POST", WEB, 405),
    ("GET", "/readyz", 200),
]
DENIED = [
    ("GET", CLUSTER_WIDE, {}),
    ("GET", CLUSTER_WIDE, {"watch": "1"}),
    ("GET", ELSEWHERE, {}),
    ("GET", ELSEWHERE, {"watch": "1"}),
    ("GET", f"{ELSEWHERE}/web", {}),
    ("PATCH", f"{ELSEWHERE}/web", {}),
    ("DELETE", WEB, {}),
    ("GET", "/api/v1/namespaces", {}),
]


async def test_lists(pair: Pair, subtests: pytest.Subtests) -> None:
    for params, status in READS:
        call = Call("GET", DEPLOYMENTS, params, but=OWN_WORDS if "continue" in params else ())
        with subtests.test(str(call)):
            await assert_alike(pair, call, status)


async def test_paths(pair: Pair, subtests: pytest.Subtests) -> None:
    for method, path, status in PATHS:
        call = Call(method, path, body=b"{}" if method in ("POST", "PUT", "PATCH") else None, content_type=MERGE)
        with subtests.test(str(call)):
            await assert_alike(pair, call, status)


async def test_what_a_worker_may_not_do(pair: Pair, subtests: pytest.Subtests) -> None:
    real, stand_in = await pair.real.worker(), await pair.stand_in.worker()
    for method, path, params in DENIED:
        body = {"content": b"{}", "headers": MERGE_PATCH} if method == "PATCH" else {}
        url = path.format(ns=pair.real.namespace)
        with subtests.test(f"{method} {path} {params}"):
            denied = normal(await real.client.request(method, url, params=params, **body))
            assert_same(normal(await stand_in.client.request(method, url, params=params, **body)), denied)
            assert denied.status == 403


@pytest.mark.parametrize("path", [DEPLOYMENTS, WEB])
async def test_a_token_that_is_none(pair: Pair, path: str) -> None:
    async def refused(subject: Subject) -> Normal:
        return normal(await (await subject.stranger()).client.get(path.format(ns=subject.namespace)))

    real, stand_in = await both(pair, refused)
    assert_same(stand_in, real)
    assert real.status == 401


async def test_creating(pair: Pair, subtests: pytest.Subtests) -> None:
    for name, path, namespace, status in [
        ("new", DEPLOYMENTS, pair.real.namespace, 201),
        ("web", DEPLOYMENTS, pair.real.namespace, 409),
        ("new", DEPLOYMENTS, "none", 400),
        ("new", "/apis/apps/v1/namespaces/none/deployments", "none", 404),
    ]:
        document = a_deployment(name, namespace=namespace, replicas=0)
        with subtests.test(f"{name} of {namespace} at {path}"):
            await assert_alike(pair, Call("POST", path, body=document, content_type="application/json"), status)


async def test_deleting(pair: Pair) -> None:
    await assert_alike(pair, Call("DELETE", WEB), 200)
    await assert_alike(pair, Call("GET", WEB), 404)


async def test_the_default_field_manager(pair: Pair) -> None:
    await assert_alike(pair, Call("PATCH", WEB, body=RESTART, content_type=MERGE), 200)
    await assert_alike(pair, Call("GET", WEB), 200)
    assert (await pair.real.get())["metadata"]["managedFields"][0]["manager"] == "python-httpx"
