"""The tables of the kinds that krt can restart, and of all kinds that an event reaches.

For each kind of RESTARTABLE `rollout.py` says when a rollout is complete, and `workload_fields.py` which numbers of the
status count pods. All these tables go by the kind alone, as KRT_KINDS does. So no two of the kinds may have the same
name.
"""

from krt.core.kube.resource import Resource

DEPLOYMENT = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SET = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SET = Resource("apps", "v1", "DaemonSet", "daemonsets")

# The short names are kubectl's.
SHORT_NAMES = {"deploy": DEPLOYMENT, "sts": STATEFUL_SET, "ds": DAEMON_SET}

RESTARTABLE = {each.kind: each for each in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}

# An event does not restart it: its controller asks the registry again, and delivers the image that the tag names then.
BUNDLE_DEPLOYMENT = Resource("core.rukpak.io", "v1alpha1", "BundleDeployment", "bundledeployments", namespaced=False)

REACHABLE = {**RESTARTABLE, BUNDLE_DEPLOYMENT.kind: BUNDLE_DEPLOYMENT}
