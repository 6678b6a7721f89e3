"""A cluster that the contract is held against, arranged by the same words whichever it is.

Nothing rolls out unless a test says so: no cluster writes what the test did not ask for.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from krt.cluster.access import http_client, load_access
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.restartable import DEPLOYMENT
from tests.apiserver.objects import BUILDERS, Object
from tests.fakes.calls import Calls
from tests.fakes.keys import a_key

NOBODYS_TOKEN = "nobody"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
ELSEWHERE = "elsewhere"  # a namespace that no worker may look into; it need not be there


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token: their raw calls, and krt's."""

    client: httpx.AsyncClient
    api: Calls


Become = Callable[[str], Awaitable[Caller]]  # by the token; until the test ends


class Subject(ABC):
    """A cluster with an empty namespace of the test's own. `client` and `api` are its administrator's."""

    kind: str

    def __init__(self, admin: Caller, namespace: str) -> None:
        self.client, self.api = admin.client, admin.api
        self.namespace = namespace
        self.path = DEPLOYMENT.collection_path(namespace)

    def key(self, name: str = "web", resource: Resource = DEPLOYMENT) -> ObjectKey:
        return a_key(resource.kind, self.namespace, name)

    async def create(
        self, name: str = "web", *, resource: Resource = DEPLOYMENT, namespace: str | None = None, **more: Any
    ) -> Object:
        """`more` is what `a_deployment` takes."""
        document = BUILDERS[resource.kind](name, namespace=namespace or self.namespace, **more)
        return decoded(await self.client.post(resource.collection_path(namespace or self.namespace), json=document))

    async def get(self, name: str = "web", resource: Resource = DEPLOYMENT) -> Object:
        return decoded(await self.client.get(resource.object_path(self.namespace, name)))

    async def patch(
        self, change: Object, name: str = "web", *, manager: str = "somebody", resource: Resource = DEPLOYMENT
    ) -> Object:
        response = await self.client.patch(
            resource.object_path(self.namespace, name),
            content=json.dumps(change),
            headers=MERGE_PATCH,
            params={"fieldManager": manager},
        )
        return decoded(response)

    async def delete(self, name: str = "web") -> None:
        decoded(await self.client.delete(f"{self.path}/{name}"))

    @abstractmethod
    def second_namespace(self) -> AbstractAsyncContextManager[str]:
        """Another one, as empty."""

    @abstractmethod
    def serving_bundles(self) -> AbstractAsyncContextManager[None]:
        """Meanwhile it serves BundleDeployments; none is there before and afterwards, and no controller answers."""

    @abstractmethod
    async def expire_versions(self) -> None:
        """Forget every version but the newest."""

    @abstractmethod
    async def worker(self) -> Caller:
        """Somebody with krt's documented rights in the namespace, and none elsewhere."""

    @abstractmethod
    async def stranger(self) -> Caller:
        """Somebody with a token that is none."""

    @abstractmethod
    def refusing_patches(self, code: int) -> AbstractAsyncContextManager[None]:
        """An admission policy refuses every change of a Deployment, with 422 or 403."""

    @abstractmethod
    def rolling(self) -> AbstractAsyncContextManager[None]:
        """Meanwhile what changes is rolled out; new pods become ready at once."""

    @abstractmethod
    async def break_new_pods(self) -> None:
        """From now on new pods of `web` do not become ready."""


@asynccontextmanager
async def caller(client: httpx.AsyncClient, kubeconfig: Path) -> AsyncIterator[Caller]:
    """`client` is theirs already, and not open yet."""
    async with client, _krt_calls(kubeconfig) as api:
        yield Caller(client, api)


@asynccontextmanager
async def _krt_calls(kubeconfig: Path) -> AsyncIterator[Calls]:
    """By krt's own way, from the kubeconfig on."""
    server, credentials = load_access(kubeconfig)
    async with http_client(server, connections=8) as client:
        yield Calls(client, credentials)


def decoded(response: httpx.Response) -> Object:
    """The body of an answer that has to be a success."""
    assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
    answer: Object = response.json()
    return answer
