"""The cluster's workloads: the calls that concern one, and the index of all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from krt.core.announce.event_id import EventId
from krt.core.announce.image import Repository
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.workload import Workload


@dataclass(frozen=True, slots=True)
class Stamp:
    """The values of the three annotations that a restart writes.

    `mark` goes on the workload as `krt/event`, `cause` as `krt/cause`. `restarted_at` (RFC 3339) goes on the pod
    template as `kubectl.kubernetes.io/restartedAt`. A BundleDeployment has no pod template. Its third annotation is
    `krt/announced`, with `covers`, the newest event that the mark covers.
    """

    restarted_at: str
    mark: str
    cause: str
    covers: EventId


OnRestart = Callable[[Workload, str], None]  # called with each patched workload and the cause; must not block


class Workloads(Protocol):
    """The calls to the API server that concern one workload.

    Each may raise ClusterUnavailable, ClusterDenied, ClusterRefused, VersionExpired, and the errors that its docstring
    names.
    """

    async def read(self, key: ObjectKey) -> Workload:
        """The workload as it is at the API server now. Raises NotThere."""
        ...

    async def restart(self, workload: Workload, stamp: Stamp) -> Workload:
        """Patch the workload with `stamp` and return the patched one. Raises NotThere.

        Raises Conflict if the object at the API server no longer has the resource version of `workload`.
        """
        ...


Changed = Callable[[Workload | None, Workload | None], None]  # the workload before and after; None if there was none


class Index(Protocol):
    """The cluster's workloads as list and watch have shown them."""

    def get(self, key: ObjectKey) -> Workload | None:
        """The workload as last seen; None if there is none."""
        ...

    def is_listed(self, key: ObjectKey) -> bool:
        """Whether all workloads of the key's kind and namespace have been listed. Before that, `get` may miss some."""
        ...

    def fresh_at(self) -> float:
        """The latest time, on Trio's clock, up to which the index shows every change.

        Lists, changes and bookmarks move it forward, and so do the calls that `want_fresh` causes. Kinds and
        namespaces do not count if they have been denied, or were not served, for a minute or longer, unless all are.
        """
        ...

    def want_fresh(self, at: float) -> None:
        """Bring `fresh_at` to `at` (Trio's clock), even if nothing changes: from `at` on, ask the API server for it."""
        ...

    def listen(self, changed: Changed) -> None:
        """From now on, call `changed` whenever a workload is stored or removed, even if it is stored as it was."""
        ...

    def running(self, repository: Repository) -> tuple[Workload, ...]:
        """The workloads that run an image of the repository."""
        ...
