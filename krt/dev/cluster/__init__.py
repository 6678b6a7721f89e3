"""A stand-in for the part of the Kubernetes API that krt uses. Observed answers of kube-apiserver 1.36.3 are its model.

    cluster = StandInCluster(sample_deployments())
    nursery.start_soon(cluster.roll_out)
    await serve(cluster, stand_in_listener(), stopping=stopping)

Start reading in `app.py`. It is a model that we wrote, so tests/contract runs the same tests against the stand-in and
against a real API server. It differs from the real server in these points:

- **Kinds**: Deployments, StatefulSets, DaemonSets, BundleDeployments and Namespaces only; no pods, ReplicaSets,
  discovery or subresources. A BundleDeployment has a controller that installs nothing (`bundles.py`), and no schema.
- **Reading**: no selectors, no `resourceVersionMatch`, JSON only. A list always shows the present, whatever version it
  asks for. A version in the future is refused at once, not after three seconds. Continue tokens expire by number and by
  `store.compact()`, never by time.
- **Watching**: versions also expire by number and by `compact`. Without `timeoutSeconds` a watch ends after 30 minutes,
  not at random between 30 and 60. A quiet watch gets bookmarks from its first minute on, without jitter, and its last
  one two seconds before its end. The real server sends that one later, twice, or (if it had to catch up) never.
- **Writing**: create, replace, merge patch and delete; a deleted object is gone at once. No finalizers and no owners,
  and the objects in a deleted namespace stay. No server-side apply, dry run or field validation. Unknown fields stay,
  not pruned with a warning. Only the fields that krt reads get defaults; only the fields that krt's patches could get
  wrong are validated, with shorter messages. managedFields treat a list as one field and cannot be cleared.
- **Access**: every accepted token may do everything. A 403 comes from `faults`, or because a call has no token. No
  admission, no priority and fairness.
- **Rollouts**: pods are numbers. A restarted workload that is `OnDelete` or paused waits for ever. A Deployment surges
  by 25 % whatever its strategy; `Recreate`, `minReadySeconds` and `partition` have no effect; there are two nodes. The
  workload's annotation `stand-in/rollout: fails` keeps its new pods from getting ready. There is no
  `deprecated.daemonset.template.generation`.
- **Transport**: HTTP/1.1 without TLS; `X-Request-Id` instead of `Audit-Id` and `X-Kubernetes-PF-*`.
"""

from krt.dev.cluster.app import StandInCluster
from krt.dev.cluster.faults import Fault, Faults
from krt.dev.cluster.samples import deployment, many_deployments, sample_bundle_deployment, sample_deployments
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
    "sample_bundle_deployment",
    "sample_deployments",
]
