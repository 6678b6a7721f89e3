"""Opens a cluster for the worker: calls, an index, and the tasks that keep the index up to date."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
from trio_util import wait_any

from krt.cluster.access import ApiServer, http_client, load_access
from krt.cluster.confirm import AT_ONCE, confirm
from krt.cluster.credentials import Credentials
from krt.cluster.identity import identify
from krt.cluster.prove import prove
from krt.cluster.reflect import OnGrowth, reflect
from krt.cluster.scope import Scope
from krt.cluster.transport import Transport
from krt.cluster.wire import Reader
from krt.cluster.workloads import calls
from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.namespaces import Namespaces
from krt.cluster.workloads.wire import READERS
from krt.core.announce.image import Repository
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Changed, Stamp


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster. It implements the ports Workloads and Index of `krt.core.ports`."""

    server: ApiServer
    transport: Transport
    index: WorkloadIndex
    scopes: tuple[Scope[Workload], ...]
    credentials: Credentials
    namespaces: Namespaces | None = None  # None if the operator has named the namespaces to watch

    async def wait_listed(self) -> None:
        """Return when one scope of workloads has been listed, and each other scope is listed or denied."""
        # A starting API server denies everything to everybody. So no denial counts until one scope was listed.
        await wait_any(*(scope.state.listed.wait for scope in self.scopes))
        more = (self.namespaces.scope,) if self.namespaces else ()
        async with trio.open_nursery() as nursery:
            for scope in (*self.scopes, *more):
                nursery.start_soon(wait_any, scope.state.listed.wait, scope.state.denied.wait)

    async def identity(self) -> ClusterIdentity:
        """The cluster's identity. Call it after `wait_listed`. Retries until the API server answers."""
        return await identify(
            self.transport, self.server, {scope.namespace for scope in self.scopes if scope.namespace}
        )

    def fresh_at(self) -> float:
        """The latest time, on Trio's clock, up to which the index shows every change of the scopes that are not closed.

        A scope is closed if it has been denied, or its kind was not served, for a minute. If all are, all count.
        """
        return min(scope.state.heard_at for scope in self._open_scopes())

    def want_fresh(self, at: float) -> None:
        """Bring `fresh_at` to `at` (Trio's clock), even if nothing changes: from `at` on, ask the API server for it."""
        for scope in self._open_scopes():
            scope.state.wanted_at.value = max(scope.state.wanted_at.value, at)

    def _open_scopes(self) -> tuple[Scope[Workload], ...]:
        # A namespace that krt may not list must not delay the others. If all are closed, the index is not fresh at all.
        return tuple(scope for scope in self.scopes if not scope.state.is_closed) or self.scopes

    async def read(self, key: ObjectKey) -> Workload:
        """The workload as it is at the API server now. Raises the errors of `calls.read`."""
        workload = await calls.read(self.transport, key)
        return self.namespaces.annotate(workload) if self.namespaces else workload

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Patch the workload with `stamp` and return the patched one. Raises the errors of `calls.restart`."""
        return await calls.restart(self.transport, workload, stamp)

    def get(self, key: ObjectKey) -> Workload | None:
        """The workload as last seen."""
        return self.index.get(key)

    def is_listed(self, key: ObjectKey) -> bool:
        """Whether all workloads of the key's kind and namespace have been listed. Before that, `get` may miss some."""
        places = {None, key.namespace}
        scopes = (each for each in self.scopes if each.resource.has(key) and each.namespace in places)
        return any(each.state.listed.is_set() for each in scopes)

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run an image of the repository."""
        return self.index.running(repository)

    def listen(self, changed: Changed) -> None:
        """Call `changed` as `WorkloadIndex.listen` does."""
        self.index.listen(changed)

    def watch_ends(self) -> Counter[str]:
        """How often a watch has ended, or the list before a watch has failed, by reason."""
        return sum((scope.state.watch_ends for scope in self.scopes), start=Counter())

    def problems(self) -> tuple[str, ...]:
        """The reasons why the index may be behind the cluster, a sentence each; empty if there is none."""
        of_scopes = (f"{scope}: {scope.state.problem}" for scope in self.scopes if scope.state.problem)
        return (*filter(None, (self.credentials.problem,)), *of_scopes)


@asynccontextmanager
async def open_cluster(
    kubeconfig: Path | None,
    *,
    kinds: tuple[str, ...],
    namespaces: tuple[str, ...],
    calls_at_once: int,
    on_growth: OnGrowth = lambda: None,
) -> AsyncIterator[Cluster]:
    """The cluster of a kubeconfig, or the pod's own if that is None. The index fills while the block runs.

    If `namespaces` is empty, the workloads of the whole cluster and its Namespaces are listed and watched; otherwise
    only workloads in these namespaces. There are connections for `calls_at_once` calls in addition to the lists and
    watches. `on_growth` is called after each page of a list with new workloads. Raises SettingsInvalid.
    """
    server, credentials = await trio.to_thread.run_sync(load_access, kubeconfig, abandon_on_cancel=True)
    scopes = tuple(Scope(READERS[kind], place) for kind in kinds for place in _places(READERS[kind], namespaces))
    namespace_store = None if namespaces else Namespaces()
    async with http_client(server, connections=calls_at_once + len(scopes) + 1 + AT_ONCE) as client:
        index = namespace_store.workloads if namespace_store else WorkloadIndex()
        cluster = Cluster(server, Transport(client, credentials), index, scopes, credentials, namespace_store)
        confirming = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for scope in scopes:
                nursery.start_soon(reflect, scope, cluster.transport, cluster.index, on_growth, name=f"reflect {scope}")
                nursery.start_soon(confirm, scope, cluster.transport, confirming, name=f"confirm {scope}")
            nursery.start_soon(prove, cluster.transport)
            if namespace_store:
                own = namespace_store.scope
                nursery.start_soon(reflect, own, cluster.transport, namespace_store, name=f"reflect {own}")
            yield cluster
            nursery.cancel_scope.cancel()


def _places(reader: Reader[Workload], namespaces: tuple[str, ...]) -> tuple[str | None, ...]:
    """The namespaces in which objects are listed; None stands for the whole cluster."""
    return (namespaces or (None,)) if reader.resource.namespaced else (None,)
