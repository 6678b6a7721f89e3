"""Runs of publishing a file, in this process, on the real API server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.transport import Transport
from krt.core.delivery.restart_target import RestartTarget, parse_target
from krt.core.delivery.secret_bundle import Bundle, Publication
from krt.core.report.report_document import Document
from krt.delivery.plan import plan
from krt.delivery.progress import Progress
from krt.delivery.publish import publish
from krt.delivery.publishing import Publishing
from krt.delivery.unpublish import unpublish
from tests.apiserver.server import ApiServer

SECRET = "site"


@dataclass
class Runs:
    """`restarted`, `report` and `notes` are those of the latest run."""

    server: ApiServer
    namespace: str
    kubeconfig: Path
    restarted: list[str] = field(default_factory=list)
    report: Document | None = None
    notes: list[str] = field(default_factory=list)

    async def publish(self, content: bytes, *targets: str, key: str = "dist.tgz", **more: Any) -> list[str]:
        """The restarted targets. Raises as the run does. `more` goes to Publishing."""
        async with self._run(content, targets, key, **more) as run:
            self.restarted = [str(target) for target in await publish(run)]
        return self.restarted

    async def plan(self, content: bytes, *targets: str, key: str = "dist.tgz", **more: Any) -> None:
        async with self._run(content, targets, key, is_dry_run=True, **more) as run:
            await plan(run)

    async def unpublish(self, *, is_dry_run: bool = False, **more: Any) -> None:
        async with self._run(b"", (), "dist.tgz", is_dry_run=is_dry_run, **more) as run:
            await unpublish(run, is_dry_run=is_dry_run)

    async def secret(self) -> dict[str, Any]:
        return await self.server.get("Secret", self.namespace, SECRET, "v1")

    def told(self) -> dict[str, tuple[str, str]]:
        """Of the latest report: the state and the reason of each target, by action, kind and name."""
        assert self.report is not None
        return {f"{its.action} {its.kind}/{its.name}": (its.state, its.reason or "") for its in self.report.targets}

    def _show(self, report: Document) -> None:
        self.report = report

    @asynccontextmanager
    async def _run(
        self, content: bytes, targets: tuple[str, ...], key: str, *, is_dry_run: bool = False, **more: Any
    ) -> AsyncIterator[Publishing]:
        wanted: tuple[RestartTarget, ...] = tuple(map(parse_target, targets))
        publication = Publication(self.namespace, more.pop("secret", SECRET), Bundle(key, content), wanted)
        self.restarted, self.report, self.notes = [], None, []
        progress = Progress(publication.owner, self._show, is_dry_run=is_dry_run)
        server, credentials = await trio.to_thread.run_sync(load_access, self.kubeconfig)
        async with http_client(server, connections=10) as client:
            transport = Transport(client, credentials)
            yield Publishing(publication, transport, progress, note=self.notes.append, **more)
