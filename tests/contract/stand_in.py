"""The stand-in as a subject of the contract."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import trio

from krt.dev.cluster import Fault, StandInCluster
from krt.dev.cluster.faults import POLICY_DENIES
from tests.contract.subject import ELSEWHERE, NOBODYS_TOKEN, Become, Caller, Subject, caller, decoded
from tests.fakes.served import served

ADMIN_TOKEN, WORKER_TOKEN = "an-administrator", "a-worker"
FAILS = {"stand-in/rollout": "fails"}


class StandIn(Subject):
    kind = "stand-in"

    def __init__(self, cluster: StandInCluster, admin: Caller, namespace: str, become: Become) -> None:
        super().__init__(admin, namespace)
        self._cluster, self._become = cluster, become

    @asynccontextmanager
    async def second_namespace(self) -> AsyncIterator[str]:
        decoded(await self.client.post("/api/v1/namespaces", json={"metadata": {"name": "second"}}))
        yield "second"

    @asynccontextmanager
    async def serving_bundles(self) -> AsyncIterator[None]:
        yield

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
        await self.patch({"metadata": {"annotations": FAILS}})


@asynccontextmanager
async def open_stand_in(folder: Path, namespace: str = "contract") -> AsyncIterator[StandIn]:
    cluster = StandInCluster(tokens={ADMIN_TOKEN, WORKER_TOKEN}, step_seconds=0.02)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(cluster))

        async def become(token: str) -> Caller:
            path = _kubeconfig(folder / f"{token}.kubeconfig", url, token)
            headers = {"Authorization": f"Bearer {token}"}
            # Nothing to verify, and loading authorities takes longer than most of these tests.
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=30, verify=False)
            return await stack.enter_async_context(caller(client, path))

        admin = await become(ADMIN_TOKEN)
        decoded(await admin.client.post("/api/v1/namespaces", json={"metadata": {"name": namespace}}))
        yield StandIn(cluster, admin, namespace, become)


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
