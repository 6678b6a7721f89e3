"""krt web and krt worker as processes of their own, on the real API server, and the jobs that call them."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.e2e.deployments import Cluster
from tests.fakes.around import AUDIENCE, Around, Krt
from tests.fakes.process import Process, process

ROOT = Path(__file__).parents[2]
REGISTRY = "ghcr.io/acme"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a `krt notify` ended, what it wrote, and when on Trio's clock."""

    code: int
    out: str
    err: str
    at: float

    def said(self, *sentences: str) -> None:
        """Fails unless all of them stand in what it wrote."""
        both = self.out + self.err
        assert [one for one in sentences if one not in both] == [], both


@dataclass(slots=True)
class Site:
    """`kubeconfig` is the worker's."""

    around: Around
    cluster: Cluster
    kubeconfig: Path
    url: str = field(default="http://127.0.0.1:9")

    @asynccontextmanager
    async def web(self, **environ: str) -> AsyncIterator[Process]:
        """A krt web that is ready; jobs call it from now on."""
        async with process("web", environ={**self.around.of("web"), **environ}) as web:
            (address,) = (await web.wait_said("started"))["web_at"]  # type: ignore[misc]
            self.url = f"http://{address}"
            await web.wait_said("ready")
            yield web

    @asynccontextmanager
    async def worker(self, *flags: str, **environ: str) -> AsyncIterator[Process]:
        """A krt worker that is ready."""
        own = {"KUBECONFIG": str(self.kubeconfig), "KRT_NAMESPACES": self.cluster.namespace}
        async with process("worker", *flags, environ={**self.around.of("worker"), **own, **environ}) as worker:
            await worker.wait_said("ready")
            yield worker

    async def job(self, name: str, *flags: str, **environ: str) -> Ended:
        """`krt notify ghcr.io/acme/NAME:dev FLAGS`, to its end."""
        command = [sys.executable, "-m", "krt", "notify", f"{REGISTRY}/{name}:dev", *flags]
        done = await trio.run_process(
            command, env={**self._environ(), **environ}, capture_stdout=True, capture_stderr=True, check=False
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode(), trio.current_time())

    def krt_web(self) -> Krt:
        """For calls that no `krt notify` makes."""
        return Krt.at(self.url.removeprefix("http://"))

    def _environ(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "KRT_URL": self.url,
            "KRT_AUDIENCE": AUDIENCE,
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.around.issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.around.issuer.request_token,
        }
