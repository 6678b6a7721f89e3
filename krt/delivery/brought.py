"""The namespaces and API groups that a delivery brings along: until they are there, a 404 for them is not a refusal."""

from dataclasses import dataclass

from krt.cluster.object_errors import NotServed
from krt.core.kube.fields import text_at
from krt.core.kube.manifest import Manifest
from krt.core.kube.object_key import ObjectKey
from krt.delivery.order import Delivery
from krt.errors import ClusterError, NotThere

_DEFINERS = {("apiextensions.k8s.io", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService")}


@dataclass(frozen=True, slots=True)
class Brought:
    """The names of the namespaces, and the API groups of definitions and APIServices."""

    namespaces: frozenset[str]
    groups: frozenset[str]

    def explains(self, key: ObjectKey, error: ClusterError) -> bool:
        """Whether the call for this object failed because a namespace or kind of the delivery is not there yet."""
        if isinstance(error, NotServed):
            return key.group in self.groups
        return isinstance(error, NotThere) and key.namespace in self.namespaces


def brought_by(order: Delivery) -> Brought:
    """The namespaces and groups that the delivery brings along."""
    spaces = {each.name for each in (*order.manifests, *order.ensured) if is_namespace(each.key)}
    definers = [each for each in order.manifests if each.key[:2] in _DEFINERS]
    return Brought(frozenset(spaces), frozenset(_group_of(each) for each in definers))


def is_namespace(key: ObjectKey) -> bool:
    """Whether the object is a Namespace."""
    return (key.group, key.kind) == ("", "Namespace")


def _group_of(definer: Manifest) -> str:
    return text_at(definer.body, "spec", "group")
