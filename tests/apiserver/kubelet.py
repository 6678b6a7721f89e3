"""A kubelet of the tests' own: binds pods to a node that is none, and makes of them what the test decides.

It follows from list and watch, and goes on after an API server that was away. It runs no container.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import msgspec
import trio

from tests.apiserver.pods import Decide, Fate, Pod, Ready, has_met, status_of

NODE = "node"
REQUESTS_AT_ONCE = 8
RETRY_SECONDS = 0.1
REQUEST_SECONDS = 2.0


class _PodList(msgspec.Struct):
    class Metadata(msgspec.Struct, rename="camel"):
        resource_version: str

    metadata: Metadata
    items: tuple[Pod, ...]


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Finish:
    """What a deleted pod waits for."""


@dataclass(slots=True)
class _Work:
    step: Fate | _Finish
    waiting: trio.CancelScope = field(default_factory=trio.CancelScope)


class Kubelet:
    """Of one namespace, or of all. `decide` may be called at any time, for pods that are there too."""

    def __init__(self, client: httpx.AsyncClient, namespace: str | None) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self._pods: dict[str, Pod] = {}
        self._work: dict[str, _Work] = {}
        self._limit = trio.CapacityLimiter(REQUESTS_AT_ONCE)
        self._rules: list[tuple[dict[str, str], Decide]] = [({}, lambda _: Ready())]

    def decide(self, fate: Fate | Decide, **labels: str) -> None:
        """From now on, for pods with these labels (none: all); the latest decision that fits a pod counts."""
        self._rules.append((labels, fate if callable(fate) else lambda _: fate))
        for pod in list(self._pods.values()):
            self._consider(pod)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await self._register_node()
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            while True:
                with suppress(httpx.TransportError, httpx.HTTPStatusError):
                    await self._follow(await self._list())
                await trio.sleep(RETRY_SECONDS)

    async def _register_node(self) -> None:
        """DaemonSets ask for one; binding does not."""
        node = {"metadata": {"name": NODE}}
        answer = await self._client.post("/api/v1/nodes", json=node)
        assert answer.status_code in (201, 409), answer.text

    async def _list(self) -> str:
        answer = (await self._client.get(self._path)).raise_for_status()
        pods = msgspec.json.decode(answer.content, type=_PodList)
        self._pods = {pod.metadata.uid: pod for pod in pods.items}
        for pod in pods.items:
            self._consider(pod)
        return pods.metadata.resource_version

    async def _follow(self, version: str) -> None:
        """Return when the watch ends, as it does after an error: then the list is to be made anew."""
        parameters = {"watch": "1", "resourceVersion": version}
        async with self._client.stream("GET", self._path, params=parameters, timeout=None) as answer:
            async for line in answer.raise_for_status().aiter_lines():
                event = msgspec.json.decode(line, type=_Event)
                match event.type:
                    case "ADDED" | "MODIFIED":
                        pod = msgspec.json.decode(event.object, type=Pod)
                        self._pods[pod.metadata.uid] = pod
                        self._consider(pod)
                    case "DELETED":
                        self._pods.pop(msgspec.json.decode(event.object, type=Pod).metadata.uid, None)

    def _consider(self, pod: Pod) -> None:
        """Begin what it needs now, unless that is being done; a wait for something else ends."""
        step = self._next_step(pod)
        work = self._work.get(pod.metadata.uid)
        if work and work.step == step:
            return
        if work:
            work.waiting.cancel()
            del self._work[pod.metadata.uid]
        if step:
            self._work[pod.metadata.uid] = new = _Work(step)
            self._nursery.start_soon(self._do, pod, new)

    def _next_step(self, pod: Pod) -> Fate | _Finish | None:
        if pod.metadata.deletion_timestamp:
            return _Finish()
        fate = self._fate_of(pod)
        return None if has_met(pod, fate) else fate

    def _fate_of(self, pod: Pod) -> Fate:
        fitting = (decide for labels, decide in self._rules if labels.items() <= pod.metadata.labels.items())
        *_, latest = fitting
        return latest(pod)

    async def _do(self, pod: Pod, work: _Work) -> None:
        try:
            if isinstance(work.step, Ready) and work.step.after_seconds:
                with work.waiting:
                    await trio.sleep(work.step.after_seconds)
                if work.waiting.cancelled_caught:
                    return
            await self._perform(pod, work.step)
        finally:
            if self._work.get(pod.metadata.uid) is work:
                del self._work[pod.metadata.uid]

    async def _perform(self, pod: Pod, step: Fate | _Finish) -> None:
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"
        match step:
            case _Finish():
                await self._send("DELETE", path, {"gracePeriodSeconds": 0})
            case fate:
                if not pod.spec.node_name:
                    await self._send("POST", f"{path}/binding", _binding(pod))
                await self._send("PATCH", f"{path}/status", {"status": status_of(pod, fate)})

    async def _send(self, method: str, path: str, body: dict[str, object]) -> None:
        """Until there is an answer. 404 and 409 are good ones: the pod is gone, or bound already."""
        headers = {"Content-Type": "application/strategic-merge-patch+json"} if method == "PATCH" else {}
        while True:
            async with self._limit:
                # Finished also at the test's end: what is cancelled while it is sent leaves httpx's generators open.
                with suppress(httpx.TransportError), trio.CancelScope(shield=True) as scope:
                    scope.deadline = trio.current_time() + REQUEST_SECONDS
                    answer = await self._client.request(method, path, json=body, headers=headers)
                    if answer.is_success or answer.status_code in (404, 409):
                        return
            await trio.sleep(RETRY_SECONDS)


@asynccontextmanager
async def open_kubelet(client: httpx.AsyncClient, namespace: str | None = None) -> AsyncIterator[Kubelet]:
    """Of this namespace, or of all; `client` is the administrator's."""
    kubelet = Kubelet(client, namespace)
    async with trio.open_nursery() as nursery:
        await nursery.start(kubelet.run)
        yield kubelet
        nursery.cancel_scope.cancel()


def _binding(pod: Pod) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.metadata.name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
    }
