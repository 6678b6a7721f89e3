"""Lists and watches of metadata alone, and of what is selected, by the real API server."""

from base64 import b64encode
from collections.abc import Container
from pathlib import Path

import pytest
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.listing import Pages
from krt.cluster.metadata import ObjectMetadata, metadata_reader, whole_reader
from krt.cluster.objects import apply, delete
from krt.cluster.reflect import reflect
from krt.cluster.scope import Scope
from krt.cluster.selection import Selection
from krt.cluster.transport import Transport
from krt.cluster.watching import watch
from krt.core.kube.builtin import SECRET
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.resource import Resource
from krt.errors import ClusterDenied
from tests.apiserver.server import ApiServer
from tests.contract.manifests import an_object
from tests.fakes.pace import PATIENCE_SECONDS

CANARY = b64encode(b"canary-7f3a").decode()


class Kept:
    """A store that tells when something was said to it."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, ObjectMetadata] = {}
        self._changed = trio.Event()

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self.objects

    def put(self, changed: ObjectMetadata) -> None:
        self.objects[changed.key] = changed
        self._ring()

    def remove(self, key: ObjectKey) -> None:
        self.objects.pop(key, None)
        self._ring()

    def retain(self, _resource: Resource, _namespace: str | None, keys: Container[ObjectKey]) -> None:
        self.objects = {key: each for key, each in self.objects.items() if key in keys}
        self._ring()

    async def until(self, holds) -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            while not holds():
                await self._changed.wait()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


async def put(transport: Transport, namespace: str, name: str, **labels: str) -> ObjectKey:
    key = SECRET.key(namespace, name)
    body = an_object(SECRET, key, data={"a": CANARY})
    body["metadata"]["labels"] = labels
    await apply(transport, SECRET, key, body, manager="krt-1")
    return key


async def test_metadata_come_without_the_data(transport: Transport, namespace: str) -> None:
    """Seen to fail with whole objects asked for."""
    key = await put(transport, namespace, "bundle", owner="krt")
    scope = Scope(metadata_reader(SECRET), namespace)
    [page] = [page async for page in Pages(transport, scope.reader, namespace)]
    [found] = page.objects
    assert (found.key, found.labels, found.is_terminating) == (key, {"owner": "krt"}, False)
    before = await transport.call("GET", SECRET.collection_path(namespace), headers={"Accept": scope.reader.form.page})
    assert CANARY.encode() not in before
    async with watch(transport, scope, "0", 60) as lines:
        line = await anext(lines)
    assert b"PartialObjectMetadata" in line
    assert CANARY.encode() not in line


async def test_a_store_of_metadata_is_kept_true(transport: Transport, namespace: str, nursery) -> None:
    first, other = await put(transport, namespace, "a", owner="krt"), await put(transport, namespace, "b")
    store, scope = Kept(), Scope(metadata_reader(SECRET), namespace, selection=Selection(labels="owner=krt"))
    nursery.start_soon(reflect, scope, transport, store)
    await store.until(lambda: first in store)
    uid = store.objects[first].uid
    third = await put(transport, namespace, "c", owner="krt")
    await store.until(lambda: third in store)
    await delete(transport, SECRET, first, uid=uid)
    await store.until(lambda: first not in store)
    await put(transport, namespace, "c", owner="somebody")
    await store.until(lambda: third not in store)
    assert other not in store


async def test_whole_objects_come_with_everything_and_show_nothing(transport: Transport, namespace: str) -> None:
    key = await put(transport, namespace, "bundle")
    await put(transport, namespace, "another")
    pages = Pages(transport, whole_reader(SECRET), namespace, Selection(name="bundle"))
    [found] = [each async for page in pages for each in page.objects]
    assert found.key == key
    assert found.body["data"] == {"a": CANARY}
    assert CANARY not in repr(found)


async def test_who_may_watch_one_object_by_its_name_may_follow_it_and_no_other(
    apiserver: ApiServer, transport: Transport, namespace: str, tmp_path: Path, nursery
) -> None:
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["list", "watch"]}]
    account = await apiserver.account(namespace, "reader", rules)
    key = await put(transport, namespace, "mine")
    await put(transport, namespace, "others")
    server, credentials = load_access(account.kubeconfig)
    async with http_client(server, connections=2) as client:
        theirs, store = Transport(client, credentials), Kept()
        with pytest.raises(ClusterDenied):
            [_ async for _ in Pages(theirs, metadata_reader(SECRET), namespace)]
        async with trio.open_nursery() as own:
            own.start_soon(
                reflect, Scope(metadata_reader(SECRET), namespace, selection=Selection("mine")), theirs, store
            )
            await store.until(lambda: key in store)
            await put(transport, namespace, "mine", owner="krt")
            await store.until(lambda: store.objects[key].labels == {"owner": "krt"})
            own.cancel_scope.cancel()
    assert list(store.objects) == [key]


async def test_a_name_with_a_comma_selects_no_more_than_itself(transport: Transport, namespace: str) -> None:
    """Seen to fail with the comma as it is: the server took the rest for a condition."""
    await put(transport, namespace, "a")
    for name in ("a,metadata.namespace!=x", "a=", "a\\"):
        pages = Pages(transport, metadata_reader(SECRET), namespace, Selection(name))
        assert [each.key.name async for page in pages for each in page.objects] == []
