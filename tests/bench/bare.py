"""The same work with nothing around it: what the machine, the API server and httpx on Trio allow.

It decodes no more than it needs, checks nothing and keeps nothing but names.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

import httpx
import msgspec
import trio

from tests.apiserver.control_plane import ControlPlane

DEPLOYMENTS = "/apis/apps/v1/deployments"
PAGE_ITEMS = 500  # what kubectl and client-go ask for
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    continue_: str | None = msgspec.field(name="continue", default=None)


class _Container(msgspec.Struct):
    image: str


class _PodSpec(msgspec.Struct):
    containers: list[_Container] = []


class _Template(msgspec.Struct):
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)


class _Spec(msgspec.Struct):
    template: _Template = msgspec.field(default_factory=_Template)


class _Deployment(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _Page(msgspec.Struct):
    metadata: _Metadata
    items: list[_Deployment]


class _Line(msgspec.Struct):
    type: str
    object: _Deployment


_page = msgspec.json.Decoder(_Page)
_line = msgspec.json.Decoder(_Line)


@dataclass
class Bare:
    """One client. `versions` are what the last list or watch said, `seen` when a change was heard of."""

    client: httpx.AsyncClient
    versions: dict[str, str] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    index: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    resource_version: str = ""
    wire_bytes: int = 0  # of all lists, as they came
    _changed: trio.Event = field(default_factory=trio.Event)

    async def list(self) -> float:
        """Fill the index anew, page by page; the seconds from the first byte on."""
        self.index.clear()
        token, began = "", 0.0
        while True:
            params = {"limit": str(PAGE_ITEMS)} | ({"continue": token} if token else {})
            async with self.client.stream("GET", DEPLOYMENTS, params=params) as response:
                began = began or perf_counter()
                page = _page.decode(await response.aread())
                self.wire_bytes += response.num_bytes_downloaded
            for item in page.items:
                self._note(item)
                for container in item.spec.template.spec.containers:
                    self.index[container.image].append(item.metadata.name)
            if not (token := page.metadata.continue_ or ""):
                self.resource_version = page.metadata.resource_version
                return perf_counter() - began

    async def patch(self, name: str) -> None:
        """A restart as krt makes one: guarded by the version, as a merge patch."""
        now = datetime.now(UTC).isoformat()
        body = {
            "metadata": {"resourceVersion": self.versions[name], "annotations": {"bare/event": now}},
            "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}},
        }
        path = f"/apis/apps/v1/namespaces/{self.namespaces[name]}/deployments/{name}"
        headers = {"Content-Type": "application/merge-patch+json"}
        response = await self.client.patch(path, content=json.dumps(body).encode(), headers=headers)
        response.raise_for_status()

    async def follow(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hear of every change, for ever."""
        params = {"watch": "true", "resourceVersion": self.resource_version, "timeoutSeconds": "3600"}
        async with self.client.stream("GET", DEPLOYMENTS, params=params, timeout=None) as response:
            task_status.started()
            kept = b""
            async for chunk in response.aiter_raw():
                *lines, kept = (kept + chunk).split(b"\n")
                now = perf_counter()
                for line in lines:
                    item = _line.decode(line).object
                    self._note(item)
                    self.seen[item.metadata.name] = now
                self._changed.set()
                self._changed = trio.Event()

    async def wait(self, until: Callable[[], bool], seconds: float = 120) -> None:
        """Return when a change made it true."""
        with trio.fail_after(seconds):
            while not until():
                await self._changed.wait()

    def _note(self, item: _Deployment) -> None:
        self.versions[item.metadata.name] = item.metadata.resource_version
        self.namespaces[item.metadata.name] = item.metadata.namespace


@asynccontextmanager
async def bare(
    control_plane: ControlPlane, *, connections: int = 40, encoding: str = "identity", url: str = ""
) -> AsyncIterator[Bare]:
    """Until the end of the block, with as many kept connections as the work is wide. `url` leads there by a detour."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(
        base_url=url or control_plane.url,
        verify=control_plane.ssl_context,
        headers={
            "Authorization": f"Bearer {control_plane.credentials.admin_token}",
            "Accept-Encoding": encoding,
        },
        limits=limits,
        timeout=60,
        trust_env=False,
    ) as client:
        yield Bare(client)
