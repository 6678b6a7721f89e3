"""A stand-in for the Kubernetes API: what krt uses of it, answered as kube-apiserver 1.36.3 was seen to answer.

    cluster = Cluster(sample_deployments())
    nursery.start_soon(cluster.roll_out)
    await serve(cluster, stand_in_listener(), stopping=stopping)

It is a model that we wrote: what krt asks of it is asked of a real API server too, by the same tests (tests/contract).
What it leaves out or does otherwise:

- **Kinds**: Deployments, StatefulSets, DaemonSets, Namespaces; no pods, no ReplicaSets, no discovery, no subresources.
- **Reading**: no selectors and no `resourceVersionMatch`, JSON only; a list is of now, whatever version it asks for,
  and one of the future is refused at once instead of after three seconds. Continue tokens expire by number, and when
  `store.compact()` is called, never by time.
- **Watching**: versions expire by number and by `compact`, too. Without `timeoutSeconds` a watch ends after 30 minutes,
  not at random between 30 and 60. Bookmarks come to a quiet watch from its first minute on and without jitter, and two
  seconds before its end; the real server's last one comes later, twice, or (where a watch had to catch up) never.
- **Writing**: merge patches; over HTTP also create, replace and delete, at once and without finalizers, owners or
  what a deleted namespace contains. No server-side apply, dry run or field validation. Unknown fields are kept, not
  pruned with a warning. Only what krt reads is defaulted, and only what a patch of krt's could get wrong is validated,
  in fewer words. managedFields take a list as one field and cannot be cleared.
- **Access**: every accepted token may do everything; 403 comes from `faults`. No admission, no priority and fairness.
- **Rollouts**: pods are numbers. A restarted workload that is `OnDelete`, or paused, waits for ever. A Deployment
  surges by 25 % whatever its strategy, `Recreate` and `minReadySeconds` mean nothing, `partition` neither; there are
  two nodes. `stand-in/rollout: fails`, an annotation of the workload, keeps its new pods from getting ready. There is
  no `deprecated.daemonset.template.generation`.
- **Transport**: HTTP/1.1 without TLS or compression; `X-Request-Id` instead of `Audit-Id` and `X-Kubernetes-PF-*`.
"""

from krt.dev.cluster.app import StandInCluster
from krt.dev.cluster.faults import Fault, Faults
from krt.dev.cluster.samples import deployment, many_deployments, sample_deployments
from krt.dev.cluster.status import ApiRefusal
from krt.dev.cluster.store import ObjectStore

__all__ = [
    "ApiRefusal",
    "Fault",
    "Faults",
    "ObjectStore",
    "StandInCluster",
    "deployment",
    "many_deployments",
    "sample_deployments",
]
