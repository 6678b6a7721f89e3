"""What krt can restart: a row each. How its pods are counted is `core.rollout`'s, how it is read `cluster`'s."""

from krt.core.kube.resource import Resource

DEPLOYMENT = Resource("apps", "v1", "Deployment", "deployments")
STATEFUL_SET = Resource("apps", "v1", "StatefulSet", "statefulsets")
DAEMON_SET = Resource("apps", "v1", "DaemonSet", "daemonsets")

RESTARTABLE = {each.kind: each for each in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
