"""The stand-in's raw answers are the real server's: status, headers and body, call by call."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.objects import a_deployment
from tests.contract.clusters import MERGE_PATCH, Real, StandIn, Subject, open_real, open_stand_in
from tests.contract.normal import Normal, assert_same, normal, normal_value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pair:
    """With the same namespace in both, and the same three Deployments in it."""

    real: Real
    stand_in: StandIn


@dataclass(frozen=True, slots=True)
class Call:
    """`{ns}` in the path is the test's namespace. `but` names what is allowed to differ."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str | None = None
    but: tuple[str, ...] = ()


DEPLOYMENTS = "/apis/apps/v1/namespaces/{ns}/deployments"
WEB = f"{DEPLOYMENTS}/web"
CLUSTER_WIDE = "/apis/apps/v1/deployments"
MERGE = MERGE_PATCH["Content-Type"]


@pytest.fixture
async def pair(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Pair]:
    async with open_real(control_plane, tmp_path) as real, open_stand_in(tmp_path, real.namespace) as stand_in:
        for each in (real, stand_in):
            for name in ("one", "two", "web"):
                await each.create(name, replicas=0, annotations={"a": "b"} if name == "web" else {})
        yield Pair(real, stand_in)


async def answer(subject: Subject, call: Call) -> Normal:
    path = call.path.format(ns=subject.namespace)
    content = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
    headers = {} if call.content_type is None else {"Content-Type": call.content_type}
    request = {} if call.body is None else {"content": content, "headers": headers}
    response = await subject.client.request(call.method, path, params=call.params, **request)
    return normal(response).without(*call.but)


async def assert_alike(pair: Pair, call: Call) -> Normal:
    real = await answer(pair.real, call)
    assert_same(await answer(pair.stand_in, call), real)
    return real


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 200),
        ({"limit": "1"}, 200),
        ({"limit": "2", "resourceVersion": "0"}, 200),
        ({"limit": "-1"}, 200),
        ({"limit": "x"}, 400),
        ({"resourceVersion": "abc"}, 400),
        ({"resourceVersion": "-1"}, 400),
        ({"continue": "garbage!"}, 400),
        ({"continue": "e30"}, 400),
        ({"watch": "1", "timeoutSeconds": "x"}, 400),
        ({"watch": "1", "resourceVersion": "abc"}, 500),
    ],
)
async def test_lists_are_alike(pair: Pair, params: dict[str, str], status: int) -> None:
    but = ("message",) if "continue" in params else ()
    assert (await assert_alike(pair, Call("GET", DEPLOYMENTS, params, but=but))).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
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
        ("DELETE", WEB, 200),
    ],
)
async def test_paths_are_alike(pair: Pair, method: str, path: str, status: int) -> None:
    call = Call(method, path, body=b"{}" if method in ("POST", "PUT", "PATCH") else None, content_type=MERGE)
    assert (await assert_alike(pair, call)).status == status


RESTART = {
    "metadata": {"annotations": {"krt/event": "x", "krt/cause": "y"}},
    "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}},
}
WORDED = ("message", "details")  # the stand-in refuses it in its own words


@pytest.mark.parametrize(
    ("body", "status", "but"),
    [
        (RESTART, 200, ()),
        ({}, 200, ()),
        ({"metadata": {"annotations": {"a": "b"}}}, 200, ()),
        ({"metadata": {"annotations": {"a": None}}}, 200, ()),
        ({"metadata": {"annotations": None}}, 200, ()),
        ({"metadata": {"labels": {"tier": "front"}}}, 200, ()),
        ({"metadata": {"generation": 77, "creationTimestamp": None}}, 200, ()),
        ({"status": {"replicas": 9}}, 200, ()),
        ({"spec": {"replicas": 3}}, 200, ()),
        ({"metadata": {"resourceVersion": ""}}, 200, ()),
        ({"metadata": {"resourceVersion": None}}, 200, ()),
        ({"metadata": {"resourceVersion": "0"}}, 200, ()),
        ({"metadata": {"resourceVersion": "1"}}, 409, ()),
        ({"metadata": {"resourceVersion": "99999999"}}, 409, ()),
        ({"metadata": {"resourceVersion": "abc"}}, 500, ()),
        ({"metadata": {"resourceVersion": 5}}, 422, WORDED),
        ({"metadata": None}, 400, ()),
        ({"metadata": {"name": "other"}}, 400, ()),
        ({"metadata": {"namespace": "other"}}, 400, ()),
        ({"metadata": {"uid": "other"}}, 422, ()),
        ({"metadata": {"annotations": {"a b": "1"}}}, 422, ()),
        ({"metadata": {"annotations": {"a": 1}}}, 422, WORDED),
        ({"metadata": {"annotations": []}}, 422, WORDED),
        ({"metadata": {"annotations": {"a": "x" * 300_000}}}, 422, ()),
        ({"spec": {"replicas": -1}}, 422, ()),
        ({"spec": {"replicas": "3"}}, 422, WORDED),
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, 422, WORDED),
        ({"spec": {"template": {"spec": {"containers": []}}}}, 422, ()),
        ({"spec": None}, 422, WORDED),
        ({"spec": {"template": {"metadata": {"annotations": {"a b": "1"}}}}}, 422, ()),
        ({"spec": {"template": {"metadata": {"annotations": {"a": False}}}}}, 422, WORDED),
        (b"{", 400, ("message",)),
        (b"", 400, ("message",)),
        (b"[]", 400, ("message",)),
        (b"null", 400, ("message",)),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_patches_are_alike(pair: Pair, body: Any, status: int, but: tuple[str, ...]) -> None:
    call = Call("PATCH", WEB, {"fieldManager": "krt"}, body, MERGE, but)
    assert (await assert_alike(pair, call)).status == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [(f"{MERGE}; charset=utf-8", 200), ("application/json", 415), ("text/plain", 415), ("", 415)],
)
async def test_content_types_are_alike(pair: Pair, content_type: str, status: int) -> None:
    assert (await assert_alike(pair, Call("PATCH", WEB, body={}, content_type=content_type))).status == status


async def test_creating_is_alike(pair: Pair) -> None:
    for name, namespace, status in [("new", None, 201), ("web", None, 409), ("new", "none", 400)]:
        document = a_deployment(name, namespace=namespace or pair.real.namespace, replicas=0)
        call = Call("POST", DEPLOYMENTS, body=document, content_type="application/json")
        assert (await assert_alike(pair, call)).status == status


async def test_a_namespace_that_is_not_there_takes_nothing_in(pair: Pair) -> None:
    path = "/apis/apps/v1/namespaces/none/deployments"
    call = Call("POST", path, body=a_deployment(namespace="none"), content_type="application/json")
    assert (await assert_alike(pair, call)).status == 404


async def test_the_default_field_manager_is_alike(pair: Pair) -> None:
    await assert_alike(pair, Call("PATCH", WEB, body=RESTART, content_type=MERGE))
    assert (await assert_alike(pair, Call("GET", WEB))).body["metadata"]["managedFields"][0][0] == "python-httpx"


@pytest.mark.parametrize("code", [403, 422])
async def test_the_refusal_of_an_admission_policy_is_alike(pair: Pair, code: int) -> None:
    call = Call("PATCH", WEB, body=RESTART, content_type=MERGE)
    async with pair.real.refusing_patches(code), pair.stand_in.refusing_patches(code):
        assert (await assert_alike(pair, call)).status == code


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("GET", CLUSTER_WIDE, {}),
        ("GET", CLUSTER_WIDE, {"watch": "1"}),
        ("GET", "/apis/apps/v1/namespaces/elsewhere/deployments", {}),
        ("GET", "/apis/apps/v1/namespaces/elsewhere/deployments", {"watch": "1"}),
        ("GET", "/apis/apps/v1/namespaces/elsewhere/deployments/web", {}),
        ("PATCH", "/apis/apps/v1/namespaces/elsewhere/deployments/web", {}),
        ("DELETE", WEB, {}),
        ("GET", "/api/v1/namespaces", {}),
    ],
)
async def test_what_a_worker_may_not_do_is_denied_alike(
    pair: Pair, method: str, path: str, params: dict[str, str]
) -> None:
    real, stand_in = [await denied(each, method, path, params) for each in (pair.real, pair.stand_in)]
    assert_same(stand_in, real)
    assert real.status == 403


@pytest.mark.parametrize("path", [DEPLOYMENTS, WEB])
async def test_a_token_that_is_none_is_refused_alike(pair: Pair, path: str) -> None:
    real, stand_in = [await refused(each, path) for each in (pair.real, pair.stand_in)]
    assert_same(stand_in, real)
    assert real.status == 401


async def test_what_a_watch_tells_is_alike(pair: Pair) -> None:
    real, stand_in = await both(pair, told_of_a_life)
    assert_same(stand_in, real)
    assert [event["type"] for event in real] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED", "BOOKMARK"]


async def test_what_a_watch_from_nowhere_tells_first_is_alike(pair: Pair) -> None:
    params = {"watch": "1", "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    real, stand_in = await both(pair, lambda subject: events(subject, params))
    assert_same(stand_in, real)


async def test_expired_versions_are_alike(pair: Pair) -> None:
    real, stand_in = [await expired(each) for each in (pair.real, pair.stand_in)]
    assert_same(stand_in, real)
    assert [each.status for each in real] == [200, 410, 200]


async def both(pair: Pair, ask: Callable[[Subject], Awaitable[T]]) -> tuple[T, T]:
    """At the same time: a watch takes its seconds."""
    async with trio.open_nursery() as nursery:
        answers: dict[str, T] = {}

        async def keep(subject: Subject) -> None:
            answers[subject.kind] = await ask(subject)

        nursery.start_soon(keep, pair.real)
        nursery.start_soon(keep, pair.stand_in)
    return answers[pair.real.kind], answers[pair.stand_in.kind]


async def denied(subject: Subject, method: str, path: str, params: dict[str, str]) -> Normal:
    worker = await subject.worker()
    body = {"content": b"{}", "headers": MERGE_PATCH} if method == "PATCH" else {}
    return normal(await worker.client.request(method, path.format(ns=subject.namespace), params=params, **body))


async def refused(subject: Subject, path: str) -> Normal:
    return normal(await (await subject.stranger()).client.get(path.format(ns=subject.namespace)))


async def told_of_a_life(subject: Subject) -> list[Any]:
    """Begun before it: the real server's last bookmark may be missing where a watch had to catch up."""

    async def live() -> None:
        await subject.create("new", replicas=0)
        await subject.patch(RESTART, "new", manager="krt")
        await subject.patch(RESTART, "new", manager="krt")  # changes nothing, so nobody hears of it
        await subject.patch({"metadata": {"labels": {"a": "b"}}}, "new")
        await subject.delete("new")

    version = (await subject.client.get(subject.path)).json()["metadata"]["resourceVersion"]
    params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "4", "allowWatchBookmarks": "true"}
    return await events(subject, params, live)


async def events(
    subject: Subject, params: dict[str, str], meanwhile: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
) -> list[Any]:
    async with subject.client.stream("GET", subject.path, params=params) as response:
        assert response.status_code == 200, await response.aread()
        await meanwhile()
        told = [normal_value(json.loads(line)) async for line in response.aiter_lines()]
    return [event for before, event in pairwise([None, *told]) if event != before]  # one bookmark is as good as two


async def expired(subject: Subject) -> list[Normal]:
    """A watch, a page and the rest of that list without its first moment."""
    page = (await subject.client.get(subject.path, params={"limit": "1"})).json()["metadata"]
    await subject.patch(RESTART)
    await subject.expire_versions()
    watch = {"watch": "1", "resourceVersion": page["resourceVersion"], "timeoutSeconds": "5"}
    watched = await subject.client.get(subject.path, params=watch)
    continued = await subject.client.get(subject.path, params={"limit": "1", "continue": page["continue"]})
    onward = {"continue": continued.json()["metadata"]["continue"]}
    return [normal(each) for each in (watched, continued, await subject.client.get(subject.path, params=onward))]
