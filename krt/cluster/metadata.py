"""Readers for lists and watches of any resource. They read the metadata alone, parsed or as sent, or whole objects.

`reflect(Scope(metadata_reader(resource), namespace), transport, store)` keeps a store up to date through such a reader.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from sys import intern
from typing import Any

import msgspec

from krt.cluster.wire import METADATA_ALONE, Reader
from krt.core.kube.fields import text_at
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource


@dataclass(frozen=True, slots=True)
class ObjectMetadata:
    """An object's metadata at one resource version. `generation` is 0 if the kind does not count it."""

    key: ObjectKey
    resource_version: str
    uid: str
    generation: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    is_terminating: bool


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """An object as it was sent, at one resource version. The `body` of a Secret that was read whole has its values."""

    key: ObjectKey
    resource_version: str
    body: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """An object that a BundleDeployment may own. `owner_name` is the owner's name, "" if no label names an owner.

    `fields` is the digest of the fields that the owner's apply still owns (`krt.core.delivery.owned_fields`).
    """

    key: ObjectKey
    resource_version: str
    uid: str
    owner_name: str
    fields: str
    is_terminating: bool


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
    """A reader that asks the server for metadata alone."""
    return Reader(resource, _Fields, partial(_to_metadata, resource), METADATA_ALONE)


def bare_reader(resource: Resource) -> Reader[ObjectVersion]:
    """A reader that asks the server for metadata alone and keeps them as they were sent.

    An API server then sends no value of a Secret.
    """
    return Reader(resource, dict[str, Any], partial(_to_version, resource), METADATA_ALONE)


def whole_reader(resource: Resource) -> Reader[ObjectVersion]:
    """A reader that asks the server for whole objects."""
    return Reader(resource, dict[str, Any], partial(_to_version, resource))


def owned_reader(
    resource: Resource, owner_of: Callable[[Mapping[str, object]], tuple[str, str]]
) -> Reader[OwnedObject]:
    """A reader that asks for metadata alone. `owner_of` makes `owner_name` and `fields` from an object's body."""
    return Reader(resource, dict[str, Any], partial(_to_owned, resource, owner_of), METADATA_ALONE)


def _to_owned(
    resource: Resource, owner_of: Callable[[Mapping[str, object]], tuple[str, str]], body: dict[str, Any]
) -> OwnedObject:
    version, (owner_name, fields) = _to_version(resource, body), owner_of(body)
    uid, is_terminating = text_at(body, "metadata", "uid"), bool(text_at(body, "metadata", "deletionTimestamp"))
    owner_name = intern(owner_name)  # thousands of objects have the same
    return OwnedObject(version.key, version.resource_version, uid, owner_name, fields, is_terminating)


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
    found = metadata if isinstance(metadata, dict) else {}  # no API server sends this, but it must not end `reflect`
    namespace, name, version = (str(found.get(field, "")) for field in ("namespace", "name", "resourceVersion"))
    return ObjectVersion(resource.key(namespace, name), version, body)
