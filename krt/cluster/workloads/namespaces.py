"""The fields of a Namespace that concern all its workloads: whether they are opted out or in, and its deletion.

A list and a watch keep these fields up to date, but only if krt watches the whole cluster. If krt may not list
Namespaces, no workload is opted in or out by its Namespace.
"""

from collections.abc import Container
from dataclasses import dataclass, replace

import msgspec

from krt.cluster.scope import Scope
from krt.cluster.wire import Reader
from krt.cluster.workloads.index import WorkloadIndex
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import NAMESPACE, Resource
from krt.core.kube.workload import OPT, Workload


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Namespace at one resource version. `opt` is the annotation krt/restart, `deleted_at` the deletionTimestamp."""

    key: ObjectKey
    resource_version: str
    opt: str | None
    deleted_at: str | None


class Namespaces:
    """A store of Namespaces for `scope`. If the fields of one change, `workloads` annotates its workloads again."""

    def __init__(self) -> None:
        self.scope = Scope(READER, None)
        self.workloads = WorkloadIndex(self.annotate)
        self._known: dict[ObjectKey, Namespace] = {}

    def annotate(self, workload: Workload) -> Workload:
        """The workload with the fields that its Namespace adds."""
        opt, deleted_at = _said(self._known.get(_key(workload.key.namespace)))
        if (workload.namespace_opt, workload.namespace_deleted_at) == (opt, deleted_at):
            return workload
        return replace(workload, namespace_opt=opt, namespace_deleted_at=deleted_at)

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._known

    def put(self, namespace: Namespace) -> None:
        """Add a Namespace, or replace its earlier version."""
        before = self._known.get(namespace.key)
        self._known[namespace.key] = namespace
        self._renew(namespace.key, before, namespace)

    def remove(self, key: ObjectKey) -> None:
        """Remove a Namespace, if the store has it."""
        self._renew(key, self._known.pop(key, None), None)

    def retain(self, _resource: Resource, _namespace: str | None, keys: Container[ObjectKey]) -> None:
        """Remove all Namespaces but those in `keys`."""
        for key in [key for key in self._known if key not in keys]:
            self.remove(key)

    def _renew(self, key: ObjectKey, before: Namespace | None, after: Namespace | None) -> None:
        if _said(before) != _said(after):
            self.workloads.renew(key.name)


class _Annotations(msgspec.Struct):
    opt: str | None = msgspec.field(name=OPT, default=None)


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    annotations: _Annotations | None = None


class _Fields(msgspec.Struct):
    metadata: _Metadata


def _to_namespace(fields: _Fields) -> Namespace:
    metadata = fields.metadata
    opt = metadata.annotations.opt if metadata.annotations else None
    return Namespace(_key(metadata.name), metadata.resource_version, opt, metadata.deletion_timestamp)


def _key(name: str) -> ObjectKey:
    return NAMESPACE.key("", name)


def _said(namespace: Namespace | None) -> tuple[str | None, str | None]:
    return (namespace.opt, namespace.deleted_at) if namespace else (None, None)


READER = Reader(NAMESPACE, _Fields, _to_namespace)
