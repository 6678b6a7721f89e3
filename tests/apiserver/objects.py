"""What tests put on the API server: workloads and roles. Keyword arguments bear Kubernetes' own names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Object = dict[str, Any]

IMAGE = "ghcr.io/acme/shop:dev"

# What the documentation gives a worker in each namespace it serves (deploy/ has the same).
WORKER_RULES: tuple[Object, ...] = (
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "patch"]},
)


def a_deployment(name: str = "web", image: str = IMAGE, *, namespace: str, **more: Any) -> Object:
    """`more`: what `workload` takes, and fields of the spec, as in replicas=3, progressDeadlineSeconds=2."""
    return workload("Deployment", name, image, namespace=namespace, **more)


def a_stateful_set(name: str = "web", image: str = IMAGE, *, namespace: str, **more: Any) -> Object:
    return workload("StatefulSet", name, image, namespace=namespace, serviceName=name, **more)


def a_daemon_set(name: str = "web", image: str = IMAGE, *, namespace: str, **more: Any) -> Object:
    return workload("DaemonSet", name, image, namespace=namespace, **more)


def workload(
    kind: str,
    name: str,
    image: str,
    *,
    namespace: str,
    annotations: Mapping[str, str] | None = None,
    pod: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """`pod` adds to the pod's spec or replaces parts of it; the pods bear the label `app` with the name."""
    labels = {"app": name}
    containers = [{"name": "main", "image": image}]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations or {})},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers, **(pod or {})}},
            **spec,
        },
    }


# A row for each kind in RESTARTABLE: tests of every kind take the builders from here.
BUILDERS: Mapping[str, Callable[..., Object]] = {
    "Deployment": a_deployment,
    "StatefulSet": a_stateful_set,
    "DaemonSet": a_daemon_set,
}


def grant(account: str, namespace: str, rules: Sequence[Object], *, everywhere: bool = False) -> tuple[Object, Object]:
    """Role and binding that give the service account these rules in its namespace, or everywhere."""
    prefix = "Cluster" if everywhere else ""
    metadata = {"name": f"{namespace}-{account}"} | ({} if everywhere else {"namespace": namespace})
    group = "rbac.authorization.k8s.io"
    common = {"apiVersion": f"{group}/v1", "metadata": metadata}
    return (
        {**common, "kind": f"{prefix}Role", "rules": list(rules)},
        {
            **common,
            "kind": f"{prefix}RoleBinding",
            "roleRef": {"apiGroup": group, "kind": f"{prefix}Role", "name": metadata["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
    )
