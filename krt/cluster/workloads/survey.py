"""Lists a cluster's workloads once, as far as the caller's rights allow, for `krt explain`. Watches nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.listing import Pages
from krt.cluster.object_errors import NotServed
from krt.cluster.transport import Transport
from krt.cluster.wire import Reader
from krt.cluster.workloads.namespaces import Namespaces
from krt.cluster.workloads.wire import READERS
from krt.core.kube.workload import Workload
from krt.errors import ClusterDenied, ClusterError, ClusterUnavailable, VersionExpired

T = TypeVar("T")

_CONNECTIONS = 4
_TIMES = 3  # attempts; etcd may compact the version that a list of many pages reads


@dataclass(frozen=True, slots=True)
class Survey:
    """The workloads found at the API server `url`; `unseen` has a sentence for each part that could not be listed."""

    url: str
    workloads: tuple[Workload, ...]
    unseen: tuple[str, ...]


async def survey(kubeconfig: Path | None, *, kinds: Collection[str], namespaces: Collection[str]) -> Survey:
    """All workloads of the cluster that the caller may list.

    The lists of `kinds` in `namespaces` (in all namespaces if it is empty) are necessary; any other may be denied.
    Raises SettingsInvalid for the kubeconfig, and ClusterUnavailable if a necessary list is denied or any list fails.
    """
    server, credentials = await trio.to_thread.run_sync(load_access, kubeconfig)
    async with http_client(server, connections=_CONNECTIONS) as client:
        transport, workloads, unseen = Transport(client, credentials), list[Workload](), list[str]()
        try:
            for kind, reader in READERS.items():
                places = namespaces if reader.resource.namespaced else ()
                found, problem = await _look(transport, reader, places if kind in kinds else None)
                workloads += found
                unseen += [problem] if problem else []
            known = Namespaces()
            if not namespaces:
                listed, problem = await _look(transport, known.scope.reader, None)
                for namespace in listed:
                    known.put(namespace)
                unseen += [f"{problem}; so krt does not know which of them are opted out"] if problem else []
        except ClusterError as error:
            raise ClusterUnavailable(f"{server.url}: {error}") from error
    return Survey(server.url, tuple(map(known.annotate, workloads)), tuple(unseen))


async def _look(transport: Transport, reader: Reader[T], needed: Collection[str] | None) -> tuple[list[T], str | None]:
    """All objects of a resource, and None. If that list is denied: those in `needed` namespaces, and a sentence why.

    If `needed` is None, no namespace is necessary, and a cluster that does not serve the resource has no objects of it.
    If it is empty, all are, so the denial is raised.
    """
    try:
        return await _list(transport, reader, None), None
    except NotServed:
        if needed is not None:
            raise
        return [], None
    except ClusterDenied as error:
        if needed is not None and not needed:
            raise
        found = [each for namespace in needed or () for each in await _list(transport, reader, namespace)]
        return found, f"{reader.resource.plural}{' in other namespaces' if needed else ''} were not looked at: {error}"


async def _list(transport: Transport, reader: Reader[T], namespace: str | None) -> list[T]:
    for _ in range(_TIMES):
        try:
            return await _pages(transport, reader, namespace)
        except VersionExpired:
            pass
    raise ClusterUnavailable(f"{reader.resource.plural} changed too fast to be listed")


async def _pages(transport: Transport, reader: Reader[T], namespace: str | None) -> list[T]:
    return [each async for page in Pages(transport, reader, namespace) for each in page.objects]
