"""The real API server as a subject of the contract."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.apiserver import bundles
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.kubelet import open_kubelet
from tests.apiserver.objects import WORKER_RULES
from tests.apiserver.pods import Ready, Unready
from tests.apiserver.server import ApiServer, open_apiserver
from tests.contract.policy import policy_refusing
from tests.contract.subject import NOBODYS_TOKEN, Become, Caller, Subject, caller


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

    @asynccontextmanager
    async def serving_bundles(self) -> AsyncIterator[None]:
        await bundles.serve(self._server, *bundles.crds())
        try:
            yield
        finally:
            await bundles.remove_all(self._server)

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
async def open_real(control_plane: ControlPlane, folder: Path) -> AsyncIterator[Real]:
    async with open_apiserver(control_plane, folder) as server, AsyncExitStack() as stack:
        namespace = await server.create_namespace()
        control_plane.controller_manager.pause()

        async def become(token: str) -> Caller:
            return await stack.enter_async_context(caller(control_plane.client_of(token), server.kubeconfig(token)))

        yield Real(server, await become(control_plane.credentials.admin_token), namespace, become)
        await control_plane.heal()
        await server.delete_namespace(namespace)
