"""A stand-in for the Kubernetes API: enough of it for krt, and where it answers, the real server's answers.

cluster = Cluster(sample_deployments())
nursery.start_soon(cluster.roll_out)
await serve(cluster, …)          # an ASGI application

"""

from krt.dev.cluster.app import Cluster
from krt.dev.cluster.faults import Fault, Faults
from krt.dev.cluster.samples import deployment, many_deployments, sample_deployments
from krt.dev.cluster.status import Refused

__all__ = [
    "Cluster",
    "Fault",
    "Faults",
    "Refused",
    "deployment",
    "many_deployments",
    "sample_deployments",
]
