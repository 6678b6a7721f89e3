"""The cluster as a worker is given it: calls, an index, and the tasks that keep it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
from trio_util import wait_any

from krt.cluster.access import http_client, load_access
from krt.cluster.api import Api
from krt.cluster.follow import Scope, keep
from krt.cluster.index import Index
from krt.cluster.kinds import DEPLOYMENT


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: what it is asked through, and what is known of it."""

    api: Api
    index: Index
    scopes: tuple[Scope, ...]

    async def wait_listed(self) -> None:
        """Return when every scope has been listed once, but for those that krt may not list."""
        # An API server that starts denies everything to everybody: until it has listed one scope, no denial counts.
        await wait_any(*(scope.listed.wait for scope in self.scopes))
        async with trio.open_nursery() as nursery:
            for scope in self.scopes:
                nursery.start_soon(wait_any, scope.listed.wait, scope.denied.wait)

    def problems(self) -> tuple[str, ...]:
        """Why the index may be behind; empty when it follows the cluster."""
        return tuple(f"{scope}: {scope.problem}" for scope in self.scopes if scope.problem)


@asynccontextmanager
async def open_cluster(
    kubeconfig: Path | None, *, namespaces: tuple[str, ...], calls_at_once: int
) -> AsyncIterator[Cluster]:
    """The cluster of a kubeconfig (None: the pod's own); its index fills while the body runs. Raises SettingsInvalid.

    Without `namespaces` the whole cluster is listed and watched; with them, each of them and nothing else.
    """
    server, credentials = await trio.to_thread.run_sync(load_access, kubeconfig)
    scopes = tuple(Scope(DEPLOYMENT, namespace) for namespace in namespaces or (None,))
    async with http_client(server, connections=calls_at_once + len(scopes)) as client:
        cluster = Cluster(Api(client, server, credentials), Index(), scopes)
        async with trio.open_nursery() as nursery:
            for scope in scopes:
                nursery.start_soon(keep, scope, cluster.api, cluster.index, name=f"keep {scope}")
            yield cluster
            nursery.cancel_scope.cancel()
