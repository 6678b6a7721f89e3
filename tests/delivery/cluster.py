"""A real cluster as a delivery meets it: its requests are counted, its reports kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from krt.cluster.access import http_client, load_access
from krt.cluster.objects import Body
from krt.cluster.transport import Transport
from krt.core.delivery.ownership import Owner
from krt.core.kube.manifest import read_manifest
from krt.core.report.report_document import Document
from krt.delivery.at_once import MOST_AT_ONCE
from krt.delivery.deliver import deliver
from krt.delivery.destroy import destroy
from krt.delivery.order import Delivery, DeliveryResult, Removal
from krt.delivery.waiting import MOST_WATCHES
from tests.apiserver.server import ApiServer

CONNECTIONS = MOST_AT_ONCE + MOST_WATCHES
OWNER = Owner("Bundle", "shop")
OTHER = Owner("Bundle", "base")


@dataclass
class Cluster:
    """One namespace of it. `requests` are those of krt, as METHOD and path."""

    server: ApiServer
    transport: Transport
    namespace: str
    requests: list[str] = field(default_factory=list)
    shown: list[Document] = field(default_factory=list)

    @asynccontextmanager
    async def by(self, kubeconfig: Path) -> "AsyncIterator[Cluster]":
        """The same with the rights that this kubeconfig gives."""
        server, credentials = load_access(kubeconfig)
        async with http_client(server, connections=CONNECTIONS) as client:
            yield Cluster(self.server, Transport(client, credentials), self.namespace)

    async def note(self, request: httpx.Request) -> None:
        """The hook of krt's client."""
        self.requests.append(f"{request.method} {request.url.raw_path.decode()}")

    def order(self, *bodies: Body, owner: Owner = OWNER, **more: Any) -> Delivery:
        """An order whose inventory is in the namespace."""
        more = {"inventory_namespace": self.namespace, "timeout_seconds": 60, **more}
        return Delivery(owner, tuple(read_manifest(body) for body in bodies), **more)

    async def deliver(self, *bodies: Body, owner: Owner = OWNER, **more: Any) -> DeliveryResult:
        self.requests.clear()
        return await deliver(self.transport, self.order(*bodies, owner=owner, **more), self.shown.append)

    async def destroy(self, owner: Owner = OWNER, **more: Any) -> DeliveryResult:
        return await self.destroy_in(self.namespace, owner, **more)

    async def destroy_in(self, namespace: str, owner: Owner = OWNER, **more: Any) -> DeliveryResult:
        """The inventory is in this namespace."""
        self.requests.clear()
        removal = Removal(owner, namespace, **{"timeout_seconds": 60, **more})
        return await destroy(self.transport, removal, self.shown.append)

    def config_map(self, name: str, *, annotations: dict[str, str] | None = None, **data: str) -> Body:
        metadata = {"name": name, "namespace": self.namespace, **({"annotations": annotations} if annotations else {})}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    async def get(self, kind: str, name: str, api_version: str = "v1") -> Body:
        return await self.server.get(kind, self.namespace, name, api_version)

    async def exists(self, kind: str, name: str, api_version: str = "v1") -> bool:
        metadata = {"name": name, "namespace": self.namespace}
        answer = await self.server.client.get(await self.server.path_of(api_version, kind, metadata))
        return answer.status_code != 404

    @property
    def writes(self) -> list[str]:
        """The requests that could have changed something."""
        return [each for each in self.requests if not each.startswith("GET") and "dryRun" not in each]


def states(delivered: DeliveryResult) -> dict[str, tuple[str, str, Any]]:
    """Action, state and change of each object by its name."""
    return {each.name: (each.action, each.state, each.change) for each in delivered.report.targets}


def reasons(delivered: DeliveryResult) -> dict[str, Any]:
    """The reason of each object that has one, by its name, and that of the delivery under ""."""
    found = {each.name: each.reason for each in delivered.report.targets if each.reason}
    problem = delivered.report.clusters[0].reason
    return found | ({"": problem} if problem else {})
