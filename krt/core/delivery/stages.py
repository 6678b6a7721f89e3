"""The order in which objects are applied, and the order in which they are deleted: a table. Pure.

The objects of a stage are applied together, and all of them are current (`kstatus`) before the next stage begins. The
reasons for the order:

- Namespaces and definitions come before the objects in them.
- Accounts, quotas, classes, ConfigMaps and Secrets come before workloads: a pod that starts before its Secret has
  changed keeps the old values. Roles come before their bindings: the API server looks up a role that is to be bound.
  ServiceAccounts come before their token Secrets: without the account Kubernetes deletes its Secrets.
- Webhooks, admission policies and APIServices come when the workloads behind them are ready: until then webhooks would
  refuse objects, and the calls for an APIService's kinds would fail.
- Custom resources come together with the workloads: a workload may need an object that the custom resource's controller
  makes. They come last if a webhook converts them, if an APIService of the bundle serves them, or if the bundle has
  their definition together with any webhook, admission policy or APIService.
"""

from collections.abc import Iterable, Mapping

from krt.core.kube.fields import text_at
from krt.core.kube.manifest import Manifest
from krt.core.kube.object_key import ObjectKey

_RBAC, _ADMISSION, _CRD = "rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io"
_APISERVICE = ("apiregistration.k8s.io", "APIService")
_DEFINITION = (_CRD, "CustomResourceDefinition")

# The API groups that kube-apiserver serves itself (k8s.io/kubernetes 1.36, pkg/controlplane). Others have custom kinds.
BUILTIN_GROUPS = frozenset(
    {
        "",
        _ADMISSION,
        _CRD,
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        _RBAC,
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)

_NAMESPACES, _DEFINITIONS, _GROUND, _CONTENT, _REST, _ADMITTERS, _OWN = range(7)
_STAGES: Mapping[tuple[str, str], int] = {
    ("", "Namespace"): _NAMESPACES,
    _DEFINITION: _DEFINITIONS,
    ("", "ServiceAccount"): _GROUND,
    ("", "ResourceQuota"): _GROUND,
    ("", "LimitRange"): _GROUND,
    (_RBAC, "Role"): _GROUND,
    (_RBAC, "ClusterRole"): _GROUND,
    ("networking.k8s.io", "NetworkPolicy"): _GROUND,
    ("networking.k8s.io", "IngressClass"): _GROUND,
    ("node.k8s.io", "RuntimeClass"): _GROUND,
    ("scheduling.k8s.io", "PriorityClass"): _GROUND,
    ("storage.k8s.io", "StorageClass"): _GROUND,
    ("storage.k8s.io", "VolumeAttributesClass"): _GROUND,
    ("", "ConfigMap"): _CONTENT,
    ("", "Secret"): _CONTENT,
    (_RBAC, "RoleBinding"): _CONTENT,
    (_RBAC, "ClusterRoleBinding"): _CONTENT,
    _APISERVICE: _ADMITTERS,
    (_ADMISSION, "MutatingWebhookConfiguration"): _ADMITTERS,
    (_ADMISSION, "ValidatingWebhookConfiguration"): _ADMITTERS,
    (_ADMISSION, "MutatingAdmissionPolicy"): _ADMITTERS,
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): _ADMITTERS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): _ADMITTERS,
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _ADMITTERS,
}


def in_stages(manifests: Iterable[Manifest]) -> tuple[tuple[Manifest, ...], ...]:
    """The manifests in stages, in the order of applying. Each stage is sorted by key, and none is empty."""
    listed = tuple(manifests)
    late = _served_by_their_own(listed)
    stages: dict[int, list[Manifest]] = {}
    for manifest in sorted(listed, key=lambda each: each.key):
        stages.setdefault(_stage_of(manifest.key, late), []).append(manifest)
    return tuple(tuple(stages[number]) for number in sorted(stages))


def in_deletion_order(keys: Iterable[ObjectKey]) -> tuple[tuple[ObjectKey, ...], ...]:
    """The keys in the order in which their objects are deleted; each stage is gone before the next one begins.

    Webhooks and admission policies come first: without their workloads they would refuse the rest. Custom resources
    follow while the controllers that remove their finalizers still run. Then the order of applying is reversed.
    """
    stages: dict[int, list[ObjectKey]] = {}
    for key in sorted(keys):
        stages.setdefault(_deletion_stage_of(key), []).append(key)
    return tuple(tuple(stages[number]) for number in sorted(stages))


def is_custom(key: ObjectKey) -> bool:
    """Whether the object's kind is not one of kube-apiserver's own."""
    return key.group not in BUILTIN_GROUPS


def _stage_of(key: ObjectKey, late: frozenset[str]) -> int:
    if is_custom(key):
        return _OWN if key.group in late else _REST
    return _STAGES.get((key.group, key.kind), _REST)


def _deletion_stage_of(key: ObjectKey) -> int:
    if key.group == _ADMISSION:
        return -_OWN - 2
    return -_OWN - 1 if is_custom(key) else -_STAGES.get((key.group, key.kind), _REST)


def _served_by_their_own(manifests: tuple[Manifest, ...]) -> frozenset[str]:
    """The API groups whose objects come last: others of the manifests convert, judge or serve these objects."""
    definitions = [each for each in manifests if (each.group, each.kind) == _DEFINITION]
    converting = {_group_of(each) for each in definitions if _is_converted(each)}
    judged = any(_STAGES.get((each.group, each.kind)) == _ADMITTERS for each in manifests)
    aggregated = {text_at(each.body, "spec", "group") for each in manifests if (each.group, each.kind) == _APISERVICE}
    return frozenset(converting | aggregated | ({_group_of(each) for each in definitions} if judged else set()))


def _group_of(definition: Manifest) -> str:
    return text_at(definition.body, "spec", "group")


def _is_converted(definition: Manifest) -> bool:
    return text_at(definition.body, "spec", "conversion", "strategy") == "Webhook"
