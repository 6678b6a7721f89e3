"""Which namespaces are opted out as a whole: an annotation of theirs, kept by list and watch like the workloads.

Only where the whole cluster is watched. Who may not list namespaces has none that is opted out.
"""

from dataclasses import replace

from krt.cluster.follow import Scope
from krt.cluster.index import Index
from krt.cluster.kinds import NAMESPACE
from krt.core.workload import Workload, WorkloadKey


class Namespaces:
    """`known` is filled through `scope`; the workloads of a namespace are told anew when its annotation changes."""

    def __init__(self) -> None:
        self.scope = Scope(NAMESPACE, None)
        self.known = Index()
        self.workloads = Index(self.told)
        self.known.listen(self._changed)

    def told(self, workload: Workload) -> Workload:
        """The workload, and what its namespace says of it."""
        namespace = self.known.get(WorkloadKey(NAMESPACE.name, "", workload.key.namespace))
        opt = namespace.opt if namespace else None
        return workload if workload.namespace_opt == opt else replace(workload, namespace_opt=opt)

    def _changed(self, before: Workload | None, after: Workload | None) -> None:
        seen = after or before
        if seen and (before and before.opt) != (after and after.opt):
            self.workloads.renew(seen.key.name)
