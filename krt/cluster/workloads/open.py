"""The cluster as a worker is given it: calls, an index, and the tasks that keep it."""

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
from krt.cluster.workloads import calls
from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.namespaces import Namespaces
from krt.cluster.workloads.wire import READERS
from krt.core.announce.image import Repository
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload
from krt.core.ports import Changed, Stamp


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: what it is asked through, and what is known of it."""

    server: ApiServer
    transport: Transport
    index: WorkloadIndex
    scopes: tuple[Scope[Workload], ...]
    credentials: Credentials
    namespaces: Namespaces | None = None  # None: some are watched by name, and those are the operator's choice

    async def wait_listed(self) -> None:
        """Return when every scope has been listed once, but for those that krt may not list."""
        # An API server that starts denies everything to everybody: until it has listed one scope, no denial counts.
        await wait_any(*(scope.state.listed.wait for scope in self.scopes))
        more = (self.namespaces.scope,) if self.namespaces else ()
        async with trio.open_nursery() as nursery:
            for scope in (*self.scopes, *more):
                nursery.start_soon(wait_any, scope.state.listed.wait, scope.state.denied.wait)

    async def identity(self) -> ClusterIdentity:
        """Which cluster this is. Ask after `wait_listed`; waits for an API server that does not answer."""
        return await identify(
            self.transport, self.server, {scope.namespace for scope in self.scopes if scope.namespace}
        )

    def fresh_at(self) -> float:
        """Everything that had happened by then, on Trio's clock, is in the index; closed scopes aside."""
        return min(scope.state.heard_at for scope in self._open_scopes())

    def want_fresh(self, at: float) -> None:
        """Have `fresh_at` reach this moment within seconds of it, also where nothing changes."""
        for scope in self._open_scopes():
            scope.state.wanted_at.value = max(scope.state.wanted_at.value, at)

    def _open_scopes(self) -> tuple[Scope[Workload], ...]:
        # A namespace that krt may not list delays no other; but if all are closed, nothing is known at all.
        return tuple(scope for scope in self.scopes if not scope.state.is_closed) or self.scopes

    async def read(self, key: ObjectKey) -> Workload:
        """The workload as it is now. Raises what `calls.read` raises."""
        workload = await calls.read(self.transport, key)
        return self.namespaces.annotate(workload) if self.namespaces else workload

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Restart it if it is still at the version that was read. Raises what `calls.restart` raises."""
        return await calls.restart(self.transport, workload, stamp)

    def get(self, key: ObjectKey) -> Workload | None:
        """The workload as last seen."""
        return self.index.get(key)

    def is_listed(self, key: ObjectKey) -> bool:
        """Whether the place that the key names was listed once: what is not known there was not there then."""
        places = {None, key.namespace}
        scopes = (each for each in self.scopes if each.resource.has(key) and each.namespace in places)
        return any(each.state.listed.is_set() for each in scopes)

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run some image of the repository."""
        return self.index.running(repository)

    def listen(self, changed: Changed) -> None:
        """Call this with every change of the index from now on."""
        self.index.listen(changed)

    def watch_ends(self) -> Counter[str]:
        """How often a watch, or the list before it, has ended and was begun anew, by reason."""
        return sum((scope.state.watch_ends for scope in self.scopes), start=Counter())

    def problems(self) -> tuple[str, ...]:
        """Why the index may be behind; empty when it follows the cluster."""
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
    """The cluster of a kubeconfig (None: the pod's own); its index fills while the body runs. Raises SettingsInvalid.

    Without `namespaces` the whole cluster is listed and watched, and what its namespaces say of themselves; with them,
    each of them and nothing else. `on_growth` is called when a page of a list has made the index grow.
    """
    server, credentials = await trio.to_thread.run_sync(load_access, kubeconfig, abandon_on_cancel=True)
    scopes = tuple(Scope(READERS[kind], namespace) for kind in kinds for namespace in namespaces or (None,))
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
