"""A bundle with a namespace, a definition, and an object of each kind."""

from krt.cluster.objects import Body
from tests.apiserver.objects import a_deployment
from tests.controller.desk import Desk


def definition(group: str) -> Body:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def whole(desk: Desk) -> list[Body]:
    """A namespace, a definition, an object of each kind in it, in an order that is none."""
    space, group = f"{desk.namespace}-shop", f"{desk.namespace}.example.com"
    return [
        {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": space}},
        a_deployment(namespace=space, replicas=0),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": space}, "data": {"v": "1"}},
        definition(group),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}},
    ]
