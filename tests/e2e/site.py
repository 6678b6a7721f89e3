"""krt web and krt worker as processes of their own, on the real API server, and the jobs that call them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import trio

from krt.broker.client import open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.keys import Keys
from krt.client import command
from krt.client.address import parse_server
from krt.client.call import Announcement, RetryPatience
from krt.client.command import Notification
from krt.client.console import Console
from krt.client.follow import QuestionPace
from krt.client.interrupt import Interrupt
from krt.client.token import TokenService
from krt.client.wait import Wait
from krt.core.announce.event import build
from krt.core.report.presence import Presence
from tests.e2e.deployments import Cluster
from tests.fakes.around import AUDIENCE, Around
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.process import Process, process

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

    async def job(self, name: str, *flags: str, registry: str = REGISTRY, **environ: str) -> Ended:
        """`krt notify REGISTRY/NAME:dev FLAGS`, to its end."""
        words = ("notify", f"{registry}/{name}:dev", *flags)
        async with process(*words, environ={**self._environ(), **environ}) as job:
            return Ended(await job.ended(), job.out, job.err, trio.current_time())

    async def quick_job(self, name: str, *, absent_seconds: float) -> Ended:
        """The same with --wait, in this process, with so much patience for a silent cluster."""
        out, err, issuer = StringIO(), StringIO(), self.around.issuer
        notification = Notification(
            Announcement(parse_server(self.url), build(f"{REGISTRY}/{name}", ["dev"]), dry_run=False),
            TokenService(issuer.request_url, issuer.request_token, AUDIENCE),
            ca_file=None,
            patience=RetryPatience(),
            wait=Wait(PATIENCE_SECONDS, pace=QuestionPace(absent_seconds=absent_seconds)),
        )
        code = await command.notify(notification, Console(out, err), Interrupt())
        return Ended(code, out.getvalue(), err.getvalue(), trio.current_time())

    async def gone(self, cluster: str) -> None:
        """Workers of another cluster were there, a minute and more ago."""
        async with open_client(parse_endpoint(self.around.valkey.address)) as client:
            last = int(time.time()) - 100
            said = f"{last - 1000} {last} 0 {Presence().to_json()}"
            await client.call("HSET", Keys("krt").alive, f"{cluster}:0", said)

    def _environ(self) -> dict[str, str]:
        return {
            "KRT_URL": self.url,
            "KRT_AUDIENCE": AUDIENCE,
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.around.issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.around.issuer.request_token,
        }
