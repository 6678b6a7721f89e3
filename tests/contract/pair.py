"""The same call of both clusters, and what is different in their answers."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from tests.contract.normal import Normal, assert_same, normal
from tests.contract.real import Real
from tests.contract.stand_in import StandIn
from tests.contract.subject import MERGE_PATCH, Subject

T = TypeVar("T")

MERGE = MERGE_PATCH["Content-Type"]
CLUSTER_WIDE = "/apis/apps/v1/deployments"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{ns}/deployments"
WEB = f"{DEPLOYMENTS}/web"
RESTART = {
    "metadata": {"annotations": {"krt/event": "x", "krt/cause": "y"}},
    "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}},
}


@dataclass(frozen=True, slots=True)
class Pair:
    """With the same namespace in both, and the same three Deployments in it: one, two, web."""

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

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.params or ''} {self.body!r:.60}"


async def answer(subject: Subject, call: Call) -> Normal:
    path = call.path.format(ns=subject.namespace)
    content = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
    headers = {} if call.content_type is None else {"Content-Type": call.content_type}
    request = {} if call.body is None else {"content": content, "headers": headers}
    response = await subject.client.request(call.method, path, params=call.params, **request)
    return normal(response).without(*call.but)


async def assert_alike(pair: Pair, call: Call, status: int) -> None:
    real = await answer(pair.real, call)
    assert_same(await answer(pair.stand_in, call), real)
    assert real.status == status


async def both(pair: Pair, ask: Callable[[Subject], Awaitable[T]]) -> tuple[T, T]:
    """The real one's and the stand-in's, at the same time: a watch takes its seconds."""
    answers: dict[str, T] = {}

    async def keep(subject: Subject) -> None:
        answers[subject.kind] = await ask(subject)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep, pair.real)
        nursery.start_soon(keep, pair.stand_in)
    return answers[pair.real.kind], answers[pair.stand_in.kind]
