"""The readers for the kinds that an event reaches: each makes a Workload from an answer of the API server."""

from collections.abc import Mapping
from functools import partial

from krt.cluster.wire import Reader
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT, RESTARTABLE
from krt.core.kube.workload import Workload
from krt.core.kube.workload_fields import WorkloadFields, to_workload
from krt.core.rukpak import announced

READERS: Mapping[str, Reader[Workload]] = {
    **{kind: Reader(each, WorkloadFields, partial(to_workload, each)) for kind, each in RESTARTABLE.items()},
    BUNDLE_DEPLOYMENT.kind: Reader(BUNDLE_DEPLOYMENT, announced.AnnouncedFields, announced.to_workload),
}
