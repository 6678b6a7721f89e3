"""The table of the kinds that krt can restart.

`rollout.py` has a rule for each on when its rollout is complete, `workload_fields.py` on which numbers of its status
count its pods. All three tables go by the kind alone, as KRT_KINDS does. So no two of the kinds may have one name.
"""

from krt.core.kube.resource import Resource

DEPLOYMENT = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SET = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SET = Resource("apps", "v1", "DaemonSet", "daemonsets")

# As kubectl has them.
SHORT_NAMES = {"deploy": DEPLOYMENT, "sts": STATEFUL_SET, "ds": DAEMON_SET}

RESTARTABLE = {each.kind: each for each in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
