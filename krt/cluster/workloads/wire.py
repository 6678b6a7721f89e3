"""The readers for the kinds that krt can restart: each makes a Workload from an answer of the API server."""

from functools import partial

from krt.cluster.wire import Reader
from krt.core.kube.restartable import RESTARTABLE
from krt.core.kube.workload_fields import WorkloadFields, to_workload

READERS = {
    kind: Reader(resource, WorkloadFields, partial(to_workload, resource)) for kind, resource in RESTARTABLE.items()
}
