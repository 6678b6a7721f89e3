"""The kind App on the real API server, without any krt: what it accepts, refuses and shows."""

from typing import Any

import pytest

from tests.apiserver.apps import GROUP, an_app, app_crd
from tests.apiserver.bundles import serve
from tests.apiserver.server import ApiServer

APPS = f"{GROUP}/apps"
STAGING = {"staging": (["web"], "auto")}
VOLUME = {"strategy": "volume", "mountPath": "/secrets"}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("volume without a path", {"strategy": "volume"}, 'mountPath must be set for the strategy "volume"'),
    ("a path without volume", {"mountPath": "/secrets"}, 'mountPath belongs to the strategy "volume"'),
    ("another strategy", {"strategy": "file"}, "Unsupported value"),
    ("a relative path", VOLUME | {"mountPath": "secrets"}, "must begin with a slash"),
    ("the root", VOLUME | {"mountPath": "/"}, "should be at least 2 chars"),
    (
        "a path that ends with a slash",
        VOLUME | {"mountPath": "/secrets/"},
        "must begin with a slash, and end with none",
    ),
    ("a path with a colon", VOLUME | {"mountPath": "/a:b"}, "must have no colon"),
    ("a path upwards", VOLUME | {"mountPath": "/a/../b"}, 'must have no part ".."'),
    ("another reload", {"environments": {"a": {"deployments": [], "reload": "never"}}}, "Unsupported value"),
    ("no reload", {"environments": {"a": {"deployments": []}}}, "reload: Required value"),
    ("no label", {"environments": {"a b": {"deployments": [], "reload": "auto"}}}, "must be the value of a label"),
    ("a name twice", {"environments": {"a": {"deployments": ["x", "x"], "reload": "auto"}}}, "Duplicate value"),
    ("no name", {"environments": {"a": {"deployments": ["A_b"], "reload": "auto"}}}, "should match"),
    (
        "too many in all",
        {"environments": {e: {"deployments": [f"d{n}" for n in range(334)], "reload": "auto"} for e in "abc"}},
        "at most 1000 Deployments",
    ),
]


@pytest.fixture
async def app_server(apiserver: ApiServer) -> ApiServer:
    await serve(apiserver, app_crd())
    return apiserver


async def created(server: ApiServer, document: dict[str, Any]) -> str:
    """The sentence of the refusal; empty if the server would take the document."""
    answer = await server.client.post(APPS, json=document, params={"dryRun": "All", "fieldValidation": "Strict"})
    return "" if answer.status_code == 201 else answer.json()["message"]


@pytest.mark.apiserver
async def test_each_wrong_document_is_refused_by_a_sentence_and_each_right_one_taken(app_server: ApiServer) -> None:
    for name, spec, sentence in REFUSED:
        assert sentence in await created(app_server, an_app("checkout", STAGING, **spec)), name
    for name in ("a" * 41, "a.b", "A"):
        assert "metadata.name" in await created(app_server, an_app(name, STAGING)), name
    for document in (
        an_app("a" * 40, STAGING),
        an_app("checkout", {}),
        an_app("checkout", {}, environments={"a": {"reload": "auto"}}),
        an_app("checkout", STAGING | {"Prod_1.eu": (["web", "a.b"], "manual")}, **VOLUME),
        an_app("checkout", {each: ([f"d{n}" for n in range(500)], "auto") for each in ("a", "b")}),
    ):
        assert await created(app_server, document) == ""


@pytest.mark.apiserver
async def test_server_side_apply_may_unlink_the_last_deployment(app_server: ApiServer) -> None:
    """Seen to fail with `deployments` required."""
    await app_server.apply(an_app("unlinked", STAGING))
    [found] = await app_server.apply(an_app("unlinked", {"staging": ([], "auto")}))
    assert not found["spec"]["environments"]["staging"].get("deployments")
    await app_server.request("DELETE", f"{APPS}/unlinked")


@pytest.mark.apiserver
async def test_people_see_strategy_and_deliveries(app_server: ApiServer) -> None:
    await app_server.apply(an_app("seen", STAGING, **VOLUME))
    status = {"status": {"delivered": "1/1", "observedGeneration": 1}}
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await app_server.client.patch(f"{APPS}/seen/status", json=status, headers=headers)
    assert answer.is_success, answer.text
    shown = await app_server.kubectl("get", "apps.krt.internal", "seen", "-o", "wide")
    assert shown.out.split()[:4] == ["NAME", "STRATEGY", "DELIVERED", "AGE"]
    assert [*shown.out.splitlines()[1].split()[:3], shown.out.split()[-1]] == ["seen", "volume", "1/1", "/secrets"]
    await app_server.request("DELETE", f"{APPS}/seen")
