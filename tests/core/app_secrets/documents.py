"""An App, its source and copy, and a linked Deployment, as the API server sends them."""

from base64 import b64encode
from typing import Any

from krt.core.app_secrets.names import COPY_OF, DIGEST, SOURCE_OF, copy_name

KEY = b"a key of tests"


def app(name: str = "checkout", **spec: Any) -> dict[str, Any]:
    """An App with the environments staging (auto) and production (manual)."""
    environments = {
        "staging": {"deployments": ["web", "worker"], "reload": "auto"},
        "production": {"deployments": ["web"], "reload": "manual"},
    }
    return {
        "apiVersion": "krt.internal/v1alpha1",
        "kind": "App",
        "metadata": {"name": name, "uid": "u-app", "resourceVersion": "5", "generation": 2},
        "spec": {"strategy": "env", "environments": environments} | spec,
    }


def data(**values: str) -> dict[str, str]:
    """The field `data` of a Secret."""
    return {name: b64encode(value.encode()).decode() for name, value in values.items()}


def secret(name: str, **more: Any) -> dict[str, Any]:
    """A Secret of the Namespace shop; `labels`, `annotations`, `data`, `metadata` in `more`."""
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": f"u-{name}",
        "resourceVersion": "11",
        "labels": more.get("labels", {}),
        "annotations": more.get("annotations", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata | more.get("metadata", {}),
        "type": "Opaque",
        "data": more.get("data", data(PASSWORD="first")),
    }


def source(name: str = "checkout-values", **more: Any) -> dict[str, Any]:
    """A source of checkout."""
    return secret(name, **{"labels": {SOURCE_OF: "checkout"}} | more)


def copy(deployment: str = "web", **more: Any) -> dict[str, Any]:
    """A copy for a Deployment whose uid is u-NAME."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment, "uid": f"u-{deployment}"}
    metadata = {"ownerReferences": [owner]} | more.get("metadata", {})
    labels, annotations = {COPY_OF: "checkout"}, {DIGEST: "sha256:1"} | more.get("annotations", {})
    name = copy_name("checkout", deployment)
    return secret(name, **more | {"labels": labels, "annotations": annotations, "metadata": metadata})


def deployment(name: str = "web", **more: Any) -> dict[str, Any]:
    """A Deployment; `annotations` are its own, `template` are those of the pod template, whose fields `spec` has."""
    template: dict[str, Any] = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "ghcr.io/acme/web:main"}]} | more.get("spec", {}),
    }
    if "template" in more:
        template["metadata"]["annotations"] = more["template"]
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": f"u-{name}",
        "resourceVersion": "21",
        "annotations": more.get("annotations", {}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata | more.get("metadata", {}),
        "spec": {"template": template},
    }
