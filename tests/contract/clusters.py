"""The two clusters that the contract is held against, arranged by the same words: the stand-in and the real one.

Nothing rolls out unless a test says so: neither cluster writes what the test did not ask for.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.api import Api
from krt.cluster.kinds import DEPLOYMENT, Kind
from krt.core.workload import WorkloadKey
from krt.dev.cluster import Cluster, Fault
from krt.dev.cluster.faults import POLICY_DENIES
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.kubelet import open_kubelet
from tests.apiserver.objects import WORKER_RULES, Object, a_daemon_set, a_deployment, a_stateful_set
from tests.apiserver.pods import Ready, Unready
from tests.apiserver.server import ApiServer, open_apiserver
from tests.contract.policy import policy_refusing
from tests.fakes.served import served

ADMIN_TOKEN, WORKER_TOKEN, NOBODYS_TOKEN = "an-administrator", "a-worker", "nobody"
BUILDERS = {"Deployment": a_deployment, "StatefulSet": a_stateful_set, "DaemonSet": a_daemon_set}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
STAND_IN_FAILS = {"stand-in/rollout": "fails"}
ELSEWHERE = "elsewhere"  # a namespace that no worker may look into; it need not be there


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token: their raw calls, and krt's."""

    client: httpx.AsyncClient
    api: Api


Become = Callable[[str], Awaitable[Caller]]  # by the token; until the test ends


class Subject(ABC):
    """A cluster with an empty namespace of the test's own. `client` and `api` are its administrator's."""

    kind: str

    def __init__(self, admin: Caller, namespace: str) -> None:
        self.client, self.api = admin.client, admin.api
        self.namespace = namespace
        self.path = DEPLOYMENT.path(namespace)

    def key(self, name: str = "web", kind: Kind = DEPLOYMENT) -> WorkloadKey:
        return WorkloadKey(kind.name, self.namespace, name)

    async def create(
        self, name: str = "web", *, kind: Kind = DEPLOYMENT, namespace: str | None = None, **more: Any
    ) -> Object:
        """`more` is what `a_deployment` takes."""
        document = BUILDERS[kind.name](name, namespace=namespace or self.namespace, **more)
        return _decoded(await self.client.post(kind.path(namespace or self.namespace), json=document))

    async def get(self, name: str = "web", kind: Kind = DEPLOYMENT) -> Object:
        return _decoded(await self.client.get(kind.path(self.namespace, name)))

    async def patch(
        self, change: Object, name: str = "web", *, manager: str = "somebody", kind: Kind = DEPLOYMENT
    ) -> Object:
        response = await self.client.patch(
            kind.path(self.namespace, name),
            content=json.dumps(change),
            headers=MERGE_PATCH,
            params={"fieldManager": manager},
        )
        return _decoded(response)

    async def delete(self, name: str = "web") -> None:
        _decoded(await self.client.delete(f"{self.path}/{name}"))

    @abstractmethod
    def second_namespace(self) -> AbstractAsyncContextManager[str]:
        """Another one, as empty."""

    @abstractmethod
    async def expire_versions(self) -> None:
        """Forget every version but the newest."""

    @abstractmethod
    async def worker(self) -> Caller:
        """Somebody with krt's documented rights in the namespace, and none elsewhere."""

    @abstractmethod
    async def stranger(self) -> Caller:
        """Somebody with a token that is none."""

    @abstractmethod
    def refusing_patches(self, code: int) -> AbstractAsyncContextManager[None]:
        """An admission policy refuses every change of a Deployment, with 422 or 403."""

    @abstractmethod
    def rolling(self) -> AbstractAsyncContextManager[None]:
        """Meanwhile what changes is rolled out; new pods become ready at once."""

    @abstractmethod
    async def break_new_pods(self) -> None:
        """From now on new pods of `web` do not become ready."""


class StandIn(Subject):
    kind = "stand-in"

    def __init__(self, cluster: Cluster, admin: Caller, namespace: str, become: Become) -> None:
        super().__init__(admin, namespace)
        self._cluster, self._become = cluster, become

    @asynccontextmanager
    async def second_namespace(self) -> AsyncIterator[str]:
        _decoded(await self.client.post("/api/v1/namespaces", json={"metadata": {"name": "second"}}))
        yield "second"

    async def expire_versions(self) -> None:
        self._cluster.store.compact()

    async def worker(self) -> Caller:
        """The stand-in knows no rights: they are faults, for everybody."""
        for fault in (Fault(403, namespace=""), Fault(403, namespace=ELSEWHERE), Fault(403, verb="delete")):
            self._cluster.faults.add(fault, times=None)
        return await self._become(WORKER_TOKEN)

    async def stranger(self) -> Caller:
        return await self._become(NOBODYS_TOKEN)

    @asynccontextmanager
    async def refusing_patches(self, code: int) -> AsyncIterator[None]:
        message = f'deployments.apps "web" is forbidden: {POLICY_DENIES}'
        self._cluster.faults.add(Fault(code, message, verb="patch"), times=None)
        yield
        self._cluster.faults.clear()

    @asynccontextmanager
    async def rolling(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cluster.roll_out)
            yield
            nursery.cancel_scope.cancel()

    async def break_new_pods(self) -> None:
        await self.patch({"metadata": {"annotations": STAND_IN_FAILS}})


class Real(Subject):
    kind = "real"

    def __init__(self, server: ApiServer, admin: Caller, namespace: str, become: Become) -> None:
        super().__init__(admin, namespace)
        self._server, self._become = server, become

    @asynccontextmanager
    async def second_namespace(self) -> AsyncIterator[str]:
        namespace = await self._server.create_namespace()
        yield namespace
        await self._server.delete_namespace(namespace)

    async def expire_versions(self) -> None:
        await self._server.control_plane.expire_versions()
        self._server.control_plane.controller_manager.pause()

    async def worker(self) -> Caller:
        account = await self._server.account(self.namespace, "krt-worker", WORKER_RULES)
        return await self._become(account.token)

    async def stranger(self) -> Caller:
        return await self._become(NOBODYS_TOKEN)

    @asynccontextmanager
    async def refusing_patches(self, code: int) -> AsyncIterator[None]:
        async with policy_refusing(self._server, self.namespace, code):
            yield

    @asynccontextmanager
    async def rolling(self) -> AsyncIterator[None]:
        self._server.control_plane.controller_manager.resume()
        async with open_kubelet(self._server.client, self.namespace) as self._kubelet:
            self._kubelet.decide(Ready())
            yield

    async def break_new_pods(self) -> None:
        known = {pod["metadata"]["uid"] for pod in (await self._pods())["items"]}
        self._kubelet.decide(lambda pod: Ready() if pod.metadata.uid in known else Unready(), app="web")

    async def _pods(self) -> Any:
        return await self._server.request("GET", f"/api/v1/namespaces/{self.namespace}/pods")


@asynccontextmanager
async def open_stand_in(folder: Path, namespace: str = "contract") -> AsyncIterator[StandIn]:
    cluster = Cluster(tokens={ADMIN_TOKEN, WORKER_TOKEN}, step_seconds=0.02)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(cluster))

        async def become(token: str) -> Caller:
            path = _kubeconfig(folder / f"{token}.kubeconfig", url, token)
            headers = {"Authorization": f"Bearer {token}"}
            # Nothing to verify, and loading authorities takes longer than most of these tests.
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=30, verify=False)
            return await stack.enter_async_context(_caller(client, path))

        admin = await become(ADMIN_TOKEN)
        _decoded(await admin.client.post("/api/v1/namespaces", json={"metadata": {"name": namespace}}))
        yield StandIn(cluster, admin, namespace, become)


@asynccontextmanager
async def open_real(control_plane: ControlPlane, folder: Path) -> AsyncIterator[Real]:
    async with open_apiserver(control_plane, folder) as server, AsyncExitStack() as stack:
        namespace = await server.create_namespace()
        control_plane.controller_manager.pause()

        async def become(token: str) -> Caller:
            return await stack.enter_async_context(_caller(control_plane.client_of(token), server.kubeconfig(token)))

        yield Real(server, await become(control_plane.credentials.admin_token), namespace, become)
        await control_plane.heal()
        await server.delete_namespace(namespace)


@asynccontextmanager
async def _caller(client: httpx.AsyncClient, kubeconfig: Path) -> AsyncIterator[Caller]:
    async with client, krt_calls(kubeconfig) as api:
        yield Caller(client, api)


@asynccontextmanager
async def krt_calls(kubeconfig: Path) -> AsyncIterator[Api]:
    """krt's own way to a cluster, from the kubeconfig on."""
    server, credentials = load_access(kubeconfig)
    async with http_client(server, connections=8) as client:
        yield Api(client, server, credentials)


def _kubeconfig(path: Path, url: str, token: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
        "users": [{"name": "caller", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "stand-in", "user": "caller"}}],
        "current-context": "test",
    }
    path.write_text(json.dumps(config))
    return path


def _decoded(response: httpx.Response) -> Object:
    assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
    answer: Object = response.json()
    return answer
