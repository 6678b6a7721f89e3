"""What Namespaces say of all their workloads: opted out or in, or being deleted. Kept by list and watch like these.

Only where the whole cluster is watched. Who may not list namespaces has none that says anything.
"""

from dataclasses import replace

from krt.cluster.follow import Scope
from krt.cluster.index import Index
from krt.core.resource import NAMESPACE
from krt.core.workload import Workload, WorkloadKey


class Namespaces:
    """`known` is filled through `scope`; the workloads of a namespace are told anew when what it says changes."""

    def __init__(self) -> None:
        self.scope = Scope(NAMESPACE, None)
        self.known = Index()
        self.workloads = Index(self.told)
        self.known.listen(self._changed)

    def told(self, workload: Workload) -> Workload:
        """The workload, and what its namespace says of it."""
        namespace = self.known.get(WorkloadKey(NAMESPACE.kind, "", workload.key.namespace))
        opt, deleted_at = _said(namespace)
        if (workload.namespace_opt, workload.namespace_deleted_at) == (opt, deleted_at):
            return workload
        return replace(workload, namespace_opt=opt, namespace_deleted_at=deleted_at)

    def _changed(self, before: Workload | None, after: Workload | None) -> None:
        seen = after or before
        if seen and _said(before) != _said(after):
            self.workloads.renew(seen.key.name)


def _said(namespace: Workload | None) -> tuple[str | None, str | None]:
    return (namespace.opt, namespace.deleted_at) if namespace else (None, None)
