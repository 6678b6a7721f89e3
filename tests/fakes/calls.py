"""krt's calls of the API server as methods of one object, for tests that make many calls."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from krt.cluster import identity, listing
from krt.cluster.credentials import Credentials
from krt.cluster.scope import Scope
from krt.cluster.transport import Transport
from krt.cluster.watching import watch
from krt.cluster.wire import ListPage
from krt.cluster.workloads import calls
from krt.cluster.workloads.events import create_event
from krt.cluster.workloads.wire import READERS
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Stamp


class Calls:
    """Each method calls the function of that name in `krt.cluster`."""

    def __init__(self, client: httpx.AsyncClient, credentials: Credentials) -> None:
        self.transport = Transport(client, credentials)

    async def read(self, key: ObjectKey) -> Workload:
        return await calls.read(self.transport, key)

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        return await calls.restart(self.transport, workload, stamp)

    async def list_page(
        self, resource: Resource, namespace: str | None, continue_token: str | None
    ) -> ListPage[Workload]:
        return await listing.list_page(self.transport, READERS[resource.kind], namespace, continue_token)

    async def newest_version(self, resource: Resource, namespace: str | None) -> str:
        return await listing.newest_version(self.transport, resource, namespace)

    def watch(
        self, resource: Resource, namespace: str | None, version: str, seconds: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return watch(self.transport, Scope(READERS[resource.kind], namespace), version, seconds)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        await create_event(self.transport, namespace, event)

    async def namespace_uid(self, name: str) -> str:
        return await identity.namespace_uid(self.transport, name)

    async def who_am_i(self) -> identity.Account:
        return await identity.who_am_i(self.transport)
