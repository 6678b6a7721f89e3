"""`krt web` and `krt worker` as processes that are restarted again and again with the same settings and ports."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import trio

from tests.apiserver.processes import Process
from tests.fakes.forked import Forked, forked
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.ports import free_ports

HERE = Path(__file__).parents[2]


class ForkedProcess(Process):
    """This checkout's krt, started by tests/fakes/forked.py."""

    def __init__(self, role: str, variables: Mapping[str, str], log: Path) -> None:
        super().__init__(Path("krt"), [role], log)
        self._variables = variables

    def _spawned(self, log: int) -> Forked:
        return forked(self._command[1:], {**os.environ, **self._variables}, folder=Path.cwd(), out=log, err=log)


class Krt:
    """One process. `variables` are krt's settings by variable name. `is_measured`: Python starts it, not a fork of krt.

    `code` is the folder of another version's package. After `update`, the next start uses this checkout; what runs
    keeps its own, because it may still import.
    """

    def __init__(
        self,
        role: str,
        folder: Path,
        variables: Mapping[str, str],
        *,
        name: str = "",
        code: Path = HERE,
        is_measured: bool = False,
    ) -> None:
        port, admin_port = free_ports(2)
        self.name = name or role
        self.log = folder / f"{self.name}.log"
        self.url = f"http://127.0.0.1:{port}"
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        told = {**variables, "KRT_ADMIN_ADDR": f"127.0.0.1:{admin_port}"}
        told |= {"WEB_LISTEN_ADDR": f"127.0.0.1:{port}"} if role == "web" else {}
        self._version = code
        self._code = folder / f"{self.name}.code"
        self.process: Process = ForkedProcess(role, told, self.log)
        if is_measured or code != HERE or "PYTHONPATH" in variables:  # which only an interpreter's own start reads
            told["PYTHONPATH"] = os.pathsep.join(filter(None, (variables.get("PYTHONPATH"), str(self._code))))
            words = [f"{name}={value}" for name, value in told.items()]
            env = Path(shutil.which("env") or "env")
            self.process = Process(env, [*words, sys.executable, "-P", "-m", "krt", role], self.log)

    def update(self) -> None:
        """Use this checkout's version from the next start on."""
        self._version = HERE

    def spawn(self) -> None:
        """Start the process, which must not run."""
        self._code.unlink(missing_ok=True)
        self._code.symlink_to(self._version)
        self.process.spawn()

    async def wait_ready(self) -> None:
        """Return once the process is ready. Raises AssertionError if it ends, TooSlowError if it takes too long."""
        with trio.fail_after(PATIENCE_SECONDS):
            async with httpx.AsyncClient(trust_env=False) as client:
                while not await _is_ready(client, self.admin_url):
                    assert self.process.running, f"{self.name} ended\n{self.process.last_output()}"
                    await trio.sleep(0.05)


async def _is_ready(client: httpx.AsyncClient, admin_url: str) -> bool:
    try:
        return (await client.get(f"{admin_url}/readyz", timeout=5)).is_success
    except httpx.TransportError:
        return False
