"""`krt all` with KRT_CONTROLLERS, as one process beside a real API server and a real registry, through an update."""

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import trio

from krt.core.bundle.pack import pack
from krt.dev.embed import Embedded, embedded
from tests.apiserver.bundles import crds, serve
from tests.apiserver.server import ApiServer
from tests.controller.desk import Desk
from tests.controller.sources import files_of
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_wall_clock
from tests.fault.before import code_before
from tests.fault.krt_process import HERE, Krt
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = [pytest.mark.apiserver, pytest.mark.registry]

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@dataclass
class Whole:
    """`krt all`, and around it what it needs. Issuer and Valkey live on while krt is updated."""

    desk: Desk
    krt: Krt
    dev: Embedded
    image: str

    async def start(self) -> None:
        self.krt.spawn()
        await self.krt.wait_ready()

    async def kill_and_update(self) -> None:
        """The Lease is taken away, so that the next start need not wait until it has run out."""
        self.krt.process.send_kill()
        self.krt.process.reap()
        self.krt.update()
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{self.desk.namespace}/leases/krt-bundles"
        await self.desk.server.request("DELETE", lease)
        await self.start()

    async def push(self, version: str) -> str:
        image = pack(files_of(self.desk.config_map("a", v=version), self.desk.config_map(f"only-{version}", v="x")))
        await pushed(f"{self.image}:dev", image)
        return image.digest

    async def notify(self, *words: str) -> CompletedProcess[bytes]:
        [*_, web] = re.findall(r'"web_at": \["([^"]+)"', self.krt.log.read_text())
        command = [sys.executable, "-m", "krt", "notify", self.image, "--tags", "dev", "--url", f"http://{web}", *words]
        with trio.fail_after(PATIENCE_SECONDS):
            return await trio.run_process(command, env=dict(self.dev.job_environ), check=False, capture_stderr=True)


@pytest.fixture
async def whole(apiserver: ApiServer, namespace: str, registry: RegistryServer, tmp_path: Path) -> AsyncIterator[Whole]:
    """First with the version before, if that one has a controller of bundles."""
    before = code_before(tmp_path)
    code = before if (before / "krt" / "controller").is_dir() else HERE
    await serve(apiserver, *crds())
    await apiserver.account(namespace, "krt-deployer", [EVERYTHING], everywhere=True)
    desk = Desk(apiserver, namespace)
    async with embedded(cluster=False) as dev:
        settings = {
            **dev.environ,
            "WEB_LISTEN_ADDR": "127.0.0.1:0",
            "ALLOWED_IMAGE_PREFIX": f"{registry.host}/acme/",
            "KUBECONFIG": str(apiserver.control_plane.kubeconfig),
            "KRT_KINDS": "Deployment,BundleDeployment",
            "KRT_CONTROLLERS": "bundles",
            "KRT_CONTROLLER_NAMESPACE": namespace,
        }
        whole = Whole(desk, Krt("all", tmp_path, settings, code=code), dev, f"{registry.host}/acme/{namespace}")
        try:
            yield whole
        finally:
            whole.krt.process.send_kill()
            whole.krt.process.reap()
            await desk.clear()


async def test_an_update_is_no_pivot_and_loses_no_announcement(whole: Whole) -> None:
    """The tag has moved before the first update; before the second one, a job has announced the next move."""
    desk = whole.desk
    first = await whole.push("1")
    await whole.start()
    await desk.deploy(f"{whole.image}:dev")
    await desk.until_installed(digest=first)
    before = await desk.status()
    second = await whole.push("2")
    await whole.kill_and_update()
    await trio.sleep(3)  # nothing shall happen
    assert (await desk.data("a"), await desk.status()) == ({"v": "1"}, before)
    done = await whole.notify("--wait")
    assert done.returncode == 0, done.stderr.decode()
    assert second in done.stderr.decode()
    assert (await desk.data("a"), await desk.data("only-1")) == ({"v": "2"}, None)
    third = await whole.push("3")
    assert (await whole.notify()).returncode == 0
    await whole.kill_and_update()
    await desk.until_installed(digest=third)
    assert await desk.data("a") == {"v": "3"}

    async def is_pruned() -> bool:
        return await desk.data("only-2") is None

    await until_on_wall_clock(is_pruned)
    assert "Traceback" not in whole.krt.log.read_text()
