"""What keeps the index keeps any resource: each has a reader and a store of its own."""

from collections.abc import Container
from typing import Any, NamedTuple

import msgspec
import pytest
import trio

from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.wire import Reader
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import NAMESPACE, Resource
from krt.core.kube.restartable import STATEFUL_SET
from krt.errors import VersionExpired
from tests.fakes.api import FakeApi

SECRET = Resource("", "v1", "Secret", "secrets")
LEASE = Resource("coordination.k8s.io", "v1", "Lease", "leases")
BUNDLE = Resource("core.rukpak.io", "v1alpha1", "Bundle", "bundles", namespaced=False)
RESOURCES = (SECRET, LEASE, BUNDLE, NAMESPACE, STATEFUL_SET)


class Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    resource_version: str = ""


class Fields(msgspec.Struct):
    metadata: Metadata
    data: dict[str, str] = {}


class Thing(NamedTuple):
    key: ObjectKey
    resource_version: str
    data: dict[str, str]


class Things(dict[ObjectKey, Thing]):
    """The smallest store there is."""

    def put(self, changed: Thing) -> None:
        self[changed.key] = changed

    def remove(self, key: ObjectKey) -> None:
        self.pop(key, None)

    def retain(self, _resource: Resource, namespace: str | None, keys: Container[ObjectKey]) -> None:
        for key in [key for key in self if namespace in {None, key.namespace} and key not in keys]:
            del self[key]

    def shown(self) -> dict[str, dict[str, str]]:
        return {key.name: thing.data for key, thing in self.items()}


def reader_of(resource: Resource) -> Reader[Thing]:
    def make(fields: Fields) -> Thing:
        metadata = fields.metadata
        key = resource.key(metadata.namespace, metadata.name)
        return Thing(key, metadata.resource_version, fields.data)

    return Reader(resource, Fields, make)


def document(resource: Resource, name: str, **data: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop" if resource.namespaced else ""}, "data": data}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
async def test_a_store_of_any_resource_is_kept_true(resource: Resource, nursery, autojump_clock) -> None:
    api = FakeApi(document(resource, "a", a="1"), document(resource, "b"))
    things, scope = Things(), Scope(reader_of(resource), "shop" if resource.namespaced else None)
    nursery.start_soon(reflect, scope, api, things)
    await scope.state.listed.wait()
    assert things.shown() == {"a": {"a": "1"}, "b": {}}
    api.put(document(resource, "a", a="2"))
    api.put(document(resource, "c"))
    api.delete("b")
    await trio.sleep(1)
    assert things.shown() == {"a": {"a": "2"}, "c": {}}
    assert {key.kind for key in things} == {resource.kind}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
async def test_what_cannot_be_read_is_left_out_and_taken_out(resource: Resource, nursery, autojump_clock) -> None:
    """In a list, where others are kept, and in a watch, where it was known.

    Seen to fail with what cannot be read any more kept as it was.
    """
    api = FakeApi(document(resource, "odd", a=5), document(resource, "good", a="1"), document(resource, "turning"))
    things, scope = Things(), Scope(reader_of(resource), None)
    nursery.start_soon(reflect, scope, api, things)
    await scope.state.listed.wait()
    assert things.shown() == {"good": {"a": "1"}, "turning": {}}
    api.put(document(resource, "turning", a=5))
    await trio.sleep(1)
    assert things.shown() == {"good": {"a": "1"}}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
async def test_only_what_is_listed_stays_after_an_expired_version(resource: Resource, nursery, autojump_clock) -> None:
    """Seen to fail without what a complete list takes out."""
    api = FakeApi(document(resource, "a"), document(resource, "b"))
    things, scope = Things(), Scope(reader_of(resource), None)
    nursery.start_soon(reflect, scope, api, things)
    await scope.state.listed.wait()
    things.put(Thing(resource.key("shop", "of before"), "1", {}))
    api.refuse("watch", VersionExpired("410"))
    api.end_watches()
    await trio.sleep(5)
    assert things.shown() == {"a": {}, "b": {}}
    assert scope.state.watch_ends["expired"]


def test_a_scope_names_what_it_follows() -> None:
    named = {str(Scope(reader_of(resource), None)) for resource in (SECRET, BUNDLE, NAMESPACE)}
    assert named == {"secrets in all namespaces", "bundles", "namespaces"}
    assert str(Scope(reader_of(LEASE), "krt")) == "leases in krt"
