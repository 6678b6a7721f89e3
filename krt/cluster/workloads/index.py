"""The index of workloads by the images that they run, so that an event needs no call of the API server."""

from collections import defaultdict
from collections.abc import Callable, Container

from krt.core.announce.image import Repository
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.core.kube.workload import Workload
from krt.core.ports.workloads import Changed


class WorkloadIndex:
    """A store of workloads, by key and by the repositories of their images. Several scopes fill it."""

    def __init__(self, annotate: Callable[[Workload], Workload] = lambda workload: workload) -> None:
        """`annotate` adds to each workload the fields that its own object does not have."""
        self._annotate = annotate
        self._workloads: dict[ObjectKey, Workload] = {}
        self._running: defaultdict[Repository, set[ObjectKey]] = defaultdict(set)
        self._listeners: list[Changed] = []

    def listen(self, changed: Changed) -> None:
        """Call `changed` after each `put` and `remove` from now on, with the workload before and after it."""
        self._listeners.append(changed)

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._workloads

    def __len__(self) -> int:
        return len(self._workloads)

    def get(self, key: ObjectKey) -> Workload | None:
        """The workload as last seen."""
        return self._workloads.get(key)

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run an image of the repository, in the order of their keys."""
        return tuple(self._workloads[key] for key in sorted(self._running.get(repository, ())))

    def put(self, workload: Workload) -> None:
        """Add a workload, or replace its earlier version. If both are equal, the earlier Python object is kept."""
        workload = self._annotate(workload)
        before = self._forget(workload.key)
        workload = before if before and before == workload else workload
        self._workloads[workload.key] = workload
        for repository in workload.repositories:
            self._running[repository].add(workload.key)
        self._tell(before, workload)

    def renew(self, namespace: str) -> None:
        """Annotate the workloads of this namespace again, because the namespace's own fields have changed."""
        for workload in [workload for key, workload in self._workloads.items() if key.namespace == namespace]:
            self.put(workload)

    def remove(self, key: ObjectKey) -> None:
        """Remove a workload, if the index has it."""
        self._tell(self._forget(key), None)

    def _tell(self, before: Workload | None, after: Workload | None) -> None:
        for listener in self._listeners:
            listener(before, after)

    def _forget(self, key: ObjectKey) -> Workload | None:
        workload = self._workloads.pop(key, None)
        for repository in workload.repositories if workload else ():
            self._running[repository].discard(key)
            if not self._running[repository]:
                del self._running[repository]
        return workload

    def retain(self, resource: Resource, namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Remove all workloads of one scope but those in `keys`. If `namespace` is None, it is the whole cluster."""
        for key in [key for key in self._workloads if _within(key, resource, namespace) and key not in keys]:
            self.remove(key)


def _within(key: ObjectKey, resource: Resource, namespace: str | None) -> bool:
    return resource.has(key) and namespace in {None, key.namespace}
