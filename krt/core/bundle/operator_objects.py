"""The objects that install the operator of a ClusterServiceVersion: a Namespace, accounts, rights, Deployments. Pure.

The rules are RukPak's (operator-framework/rukpak v0.12, internal/convert/registryv1.go) for the mode AllNamespaces.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from krt.core.kube.fields import items_at, mapping_at, text_at, texts_at
from krt.core.kube.manifest import Manifest, read_manifest

_RBAC = "rbac.authorization.k8s.io"
_MOST_NAME = 63
_HASH_DIGITS = 10
_DEFAULT = "default"  # every Namespace has this account
_TARGETS = "olm.targetNamespaces"
_ALL_NAMESPACES = ""
_SEE_NAMESPACES = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}

_Object = Mapping[str, object]


def operator_objects(operator: Manifest, namespace: str) -> Iterator[Manifest]:
    """The objects, each after those that it needs. Raises ManifestInvalid."""
    yield read_manifest({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for account in _accounts(operator):
        metadata = {"name": account, "namespace": namespace}
        yield read_manifest({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    for account, rules in _rights(operator):
        yield from _granted(operator.name, account, rules, namespace)
    for deployment in _deployments(operator):
        yield read_manifest(_deployment(operator, deployment, namespace))


def _deployments(operator: Manifest) -> tuple[_Object, ...]:
    return items_at(operator.body, "spec", "install", "spec", "deployments")


def _accounts(operator: Manifest) -> list[str]:
    used = [text_at(each, "spec", "template", "spec", "serviceAccountName") for each in _deployments(operator)]
    granted = [account for account, _ in _rights(operator)]
    return [name for name in dict.fromkeys((*used, *granted)) if name not in {"", _DEFAULT}]


def _rights(operator: Manifest) -> Iterator[tuple[str, list[_Object]]]:
    """Each account with its rules. In the mode AllNamespaces, rights in one namespace count in every namespace.

    An account with such rights may also see the namespaces.
    """
    for field, more in (("clusterPermissions", ()), ("permissions", (_SEE_NAMESPACES,))):
        for each in items_at(operator.body, "spec", "install", "spec", field):
            yield text_at(each, "serviceAccountName") or _DEFAULT, [*items_at(each, "rules"), *more]


def _granted(operator: str, account: str, rules: list[_Object], namespace: str) -> Iterator[Manifest]:
    name = _name(operator, account, rules)
    yield read_manifest(
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    )
    yield read_manifest(
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name},
        }
    )


def _name(operator: str, account: str, rules: list[_Object]) -> str:
    """A name within the length of a label. The same rights have the same name in each version of the bundle."""
    digest = hashlib.sha256(json.dumps([account, rules], sort_keys=True).encode()).hexdigest()[:_HASH_DIGITS]
    return f"{f'{operator}-{account}'[: _MOST_NAME - _HASH_DIGITS - 1]}-{digest}"


def _deployment(operator: Manifest, deployment: _Object, namespace: str) -> _Object:
    targets = {_TARGETS: _ALL_NAMESPACES}
    template = mapping_at(deployment, "spec", "template")
    of_pods = texts_at(template, "metadata", "annotations")
    metadata = {**mapping_at(template, "metadata"), "annotations": {**of_pods, **targets}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": text_at(deployment, "name"),
            "namespace": namespace,
            "labels": dict(texts_at(deployment, "label")),
            "annotations": {**texts_at(operator.body, "metadata", "annotations"), **of_pods, **targets},
        },
        # Operators read the annotation of their pod, through the downward API. RukPak sets only that of the Deployment.
        "spec": {**mapping_at(deployment, "spec"), "template": {**template, "metadata": metadata}},
    }
