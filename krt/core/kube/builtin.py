"""Kubernetes' own kinds that every release since 1.25 serves: krt need not ask the API server for their resources.

Kinds that cannot be listed and patched, such as reviews, are left out. The versions are stable, and a kind never
changes its names.
Source: the discovery of the API server 1.36, with which a test compares each row.
"""

from collections.abc import Iterator

from krt.core.kube.resource import Resource

_RBAC = "rbac.authorization.k8s.io"

# Kinds by group and version. The plural is the kind in lower case and an `s`, unless another one stands after a slash.
_NAMESPACED = {
    "v1": "ConfigMap Endpoints/endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController"
    " ResourceQuota Secret Service ServiceAccount",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "autoscaling/v1": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "networking.k8s.io/v1": "Ingress/ingresses NetworkPolicy/networkpolicies",
    "policy/v1": "PodDisruptionBudget",
    f"{_RBAC}/v1": "Role RoleBinding",
    "storage.k8s.io/v1": "CSIStorageCapacity/csistoragecapacities",
}
_CLUSTER_WIDE = {
    "v1": "Namespace Node PersistentVolume",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "networking.k8s.io/v1": "IngressClass/ingressclasses",
    "node.k8s.io/v1": "RuntimeClass/runtimeclasses",
    f"{_RBAC}/v1": "ClusterRole ClusterRoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass/priorityclasses",
    "storage.k8s.io/v1": "CSIDriver CSINode StorageClass/storageclasses VolumeAttachment",
}


def _rows(table: dict[str, str], *, namespaced: bool) -> Iterator[Resource]:
    for api_version, kinds in table.items():
        group, _, version = api_version.rpartition("/")
        for each in kinds.split():
            kind, _, plural = each.partition("/")
            yield Resource(group, version, kind, plural or f"{kind.lower()}s", namespaced)


BUILT_IN = (*_rows(_NAMESPACED, namespaced=True), *_rows(_CLUSTER_WIDE, namespaced=False))
_BY_KIND = {each.kind: each for each in BUILT_IN}
CONFIG_MAP, SECRET, LEASE = (_BY_KIND[kind] for kind in ("ConfigMap", "Secret", "Lease"))
VALIDATING_WEBHOOKS = _BY_KIND["ValidatingWebhookConfiguration"]
