"""Readers of any resource, for lists and watches: of an object's metadata alone, and of whole objects.

`reflect(Scope(metadata_reader(resource), namespace), transport, store)` keeps a store of them true.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from krt.cluster.wire import METADATA_ALONE, Reader
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource


@dataclass(frozen=True, slots=True)
class ObjectMetadata:
    """An object at one version, by its metadata. `generation` is 0 where its kind counts none."""

    key: ObjectKey
    resource_version: str
    uid: str
    generation: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    is_terminating: bool


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """An object at one version, whole; of a Secret it holds the values."""

    key: ObjectKey
    resource_version: str
    body: dict[str, Any] = field(repr=False)


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    deletion_timestamp: str | None = None


class _Fields(msgspec.Struct):
    metadata: _Metadata


def metadata_reader(resource: Resource) -> Reader[ObjectMetadata]:
    """Asks the server for no more than the metadata."""
    return Reader(resource, _Fields, partial(_to_metadata, resource), METADATA_ALONE)


def whole_reader(resource: Resource) -> Reader[ObjectVersion]:
    """Asks for everything."""
    return Reader(resource, dict[str, Any], partial(_to_version, resource))


def _to_metadata(resource: Resource, fields: _Fields) -> ObjectMetadata:
    found = fields.metadata
    return ObjectMetadata(
        resource.key(found.namespace, found.name),
        found.resource_version,
        found.uid,
        found.generation,
        found.labels or {},
        found.annotations or {},
        found.deletion_timestamp is not None,
    )


def _to_version(resource: Resource, body: dict[str, Any]) -> ObjectVersion:
    metadata = body.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}  # what no API server sends must not end whoever follows
    namespace, name, version = (str(found.get(field, "")) for field in ("namespace", "name", "resourceVersion"))
    return ObjectVersion(resource.key(namespace, name), version, body)
