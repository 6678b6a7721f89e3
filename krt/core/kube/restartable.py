"""The table of the kinds that krt can restart.

`core/kube/rollout.py` has a rule for each on how its pods are counted, and `krt.cluster.workloads.wire` on how it is
decoded.
"""

from krt.core.kube.resource import Resource

DEPLOYMENT = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SET = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SET = Resource("apps", "v1", "DaemonSet", "daemonsets")

RESTARTABLE = {each.kind: each for each in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
