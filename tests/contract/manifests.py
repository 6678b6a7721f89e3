"""Objects as somebody hands them to krt.cluster.objects."""

from typing import Any

from krt.core.kube.builtin import BUILT_IN
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource

_KINDS = {each.kind: each for each in BUILT_IN}
CONFIG_MAP, SERVICE, CLUSTER_ROLE = (_KINDS[kind] for kind in ("ConfigMap", "Service", "ClusterRole"))
QUOTA, POD, CRD = (_KINDS[kind] for kind in ("ResourceQuota", "Pod", "CustomResourceDefinition"))


def an_object(resource: Resource, key: ObjectKey, **more: Any) -> dict[str, Any]:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": key.name}, **more}


def a_config_map(key: ObjectKey, **data: str) -> dict[str, Any]:
    return an_object(CONFIG_MAP, key, data=data)
