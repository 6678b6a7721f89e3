"""etcd, kube-apiserver and kube-controller-manager as processes: started, killed, paused, started again.

What they serve is server.py's. One of these lives as long as the test session.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import trio

from tests.apiserver.arguments import apiserver_arguments, controller_manager_arguments, etcd_arguments
from tests.apiserver.binaries import program
from tests.apiserver.credentials import write_credentials, write_kubeconfig
from tests.apiserver.processes import Process
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.ports import free_ports
from tests.fakes.transport import closing_transport

START_SECONDS = 2 * PATIENCE_SECONDS  # 3 s on an idle machine
POLL_SECONDS = 0.03


class ControlPlaneError(Exception):
    """A process ended by itself or was not ready in time; the message has its last lines."""


class ControlPlane:
    """Three processes, their ports and credentials. Whatever spawns is to be called on the main thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port, etcd_port, peer_port = free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        self.etcd_url = f"http://127.0.0.1:{etcd_port}"
        self.credentials = write_credentials(folder)
        self.kubeconfig = write_kubeconfig(
            folder / "admin.kubeconfig",
            server=self.url,
            ca_file=self.credentials.ca_file,
            token=self.credentials.admin_token,
        )
        self.ssl_context = self.credentials.client_context()
        peer_url = f"http://127.0.0.1:{peer_port}"
        self.etcd = self._process("etcd", etcd_arguments(folder, self.etcd_url, peer_url))
        self.apiserver = self._process(
            "kube-apiserver", apiserver_arguments(folder, port, self.etcd_url, self.credentials)
        )
        self.controller_manager = self._process(
            "kube-controller-manager", controller_manager_arguments(self.kubeconfig)
        )

        self._everything = (self.etcd, self.apiserver, self.controller_manager)

    async def start(self) -> None:
        """Return when the API server is ready for everybody; the controllers follow half a second later.

        Raises ControlPlaneError.
        """
        self.etcd.spawn()
        self.apiserver.spawn()  # waits for etcd by itself
        await self.wait_ready()
        self.controller_manager.spawn()

    def stop(self) -> None:
        """Nothing here is worth a farewell: the data goes with its folder."""
        for process in self._everything:
            process.send_kill()
        for process in self._everything:
            process.reap()

    def admin_client(self) -> httpx.AsyncClient:
        return self.client_of(self.credentials.admin_token)

    def client_of(self, token: str) -> httpx.AsyncClient:
        """Not opened yet: use it with `async with`, within one test."""
        headers = {"Authorization": f"Bearer {token}"}
        transport = closing_transport(self.ssl_context)
        return httpx.AsyncClient(base_url=self.url, headers=headers, transport=transport, timeout=PATIENCE_SECONDS)

    async def kill_apiserver(self) -> None:
        """SIGKILL, and return when its port is free again."""
        await self.apiserver.kill()

    async def start_apiserver(self) -> None:
        """On the port and the data it had; return when it is ready. Raises ControlPlaneError."""
        self.apiserver.spawn()
        await self.wait_ready()
        await self._renew_controllers()

    @contextmanager
    def paused_apiserver(self) -> Iterator[None]:
        """SIGSTOP: connections stay open, the kernel accepts new ones, and nobody answers."""
        self.apiserver.pause()
        try:
            yield
        finally:
            self.apiserver.resume()

    async def compact_etcd(self) -> int:
        """Forget every revision but the newest, which is returned."""
        async with httpx.AsyncClient(base_url=self.etcd_url, trust_env=False) as etcd:
            status = await etcd.post("/v3/maintenance/status", json={})
            revision = int(status.raise_for_status().json()["header"]["revision"])
            compaction = {"revision": revision, "physical": True}
            (await etcd.post("/v3/kv/compaction", json=compaction)).raise_for_status()
        return revision

    async def expire_versions(self) -> None:
        """Make watches from every older version end in 410, and lists continued from them too.

        Compacting alone does not: it answers from its cache, which only a new process begins anew.
        """
        await self.compact_etcd()
        await self.kill_apiserver()
        await self.start_apiserver()

    async def heal(self) -> None:
        """Start or resume what a test killed or paused. Raises ControlPlaneError if one ended by itself."""
        away = [process for process in self._everything if not process.running]
        for process in away:
            if process.ended_by_itself:
                raise ControlPlaneError(f"{process.name} ended by itself\n{process.last_output()}")
            process.spawn()
        for process in self._everything:
            process.resume()
        if away:
            await self.wait_ready()
        if self.apiserver in away:
            await self._renew_controllers()

    async def wait_ready(self) -> None:
        """Return when /readyz says so. Raises ControlPlaneError."""
        with trio.move_on_after(START_SECONDS):
            async with self.admin_client() as client:
                while self.etcd.running and self.apiserver.running:
                    if await _is_ready(client):
                        return
                    await trio.sleep(POLL_SECONDS)
        said = "\n".join(process.last_output() for process in (self.etcd, self.apiserver))
        raise ControlPlaneError(f"the API server ended, or was not ready within {START_SECONDS} s\n{said}")

    async def _renew_controllers(self) -> None:
        """Each absence of the API server doubles what they wait before they list again, to 30 s."""
        await self.controller_manager.kill()
        self.controller_manager.spawn()

    def _process(self, name: str, arguments: list[str]) -> Process:
        return Process(program(name), arguments, self._folder / f"{name}.log")


@contextmanager
def started_control_plane() -> Iterator[ControlPlane]:
    """The processes, ready, until the end of the block. Synchronous: a fixture chosen at run time can ask for it."""
    with TemporaryDirectory(prefix="krt-apiserver-") as folder:
        processes = ControlPlane(Path(folder))
        try:
            trio.run(processes.start)
            yield processes
        finally:
            processes.stop()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get("/readyz")).is_success
    return False
