"""The store of documents: the watch and krt's own writes may come in any order."""

from typing import Any

from krt.cluster.metadata import ObjectVersion
from krt.controller.documents import Documents
from krt.core.rukpak.bundle_deployment import BundleDeployment, read_bundle_deployment
from krt.core.rukpak.names import BUNDLE_DEPLOYMENT
from tests.core.rukpak.documents import deployment


def version(number: int, **metadata: Any) -> dict[str, Any]:
    return deployment(metadata={"resourceVersion": str(number), **metadata})


def a_store() -> tuple[Documents[BundleDeployment], list[tuple[str, str, str]]]:
    """And each change that it tells: the versions before and after."""
    store, heard = Documents(BUNDLE_DEPLOYMENT, read_bundle_deployment), list[tuple[str, str, str]]()
    store.listen(lambda name, before, after: heard.append((name, _version(before), _version(after))))
    return store, heard


def _version(found: BundleDeployment | None) -> str:
    return found.version if found else ""


def put(store: Documents[BundleDeployment], body: dict[str, Any]) -> None:
    key = BUNDLE_DEPLOYMENT.key("", body["metadata"]["name"])
    store.put(ObjectVersion(key, body["metadata"]["resourceVersion"], body))


def test_an_older_version_replaces_no_newer_one() -> None:
    """Seen to fail with each version stored."""
    store, heard = a_store()
    put(store, version(5))
    assert store.take(version(7)).version == "7"
    put(store, version(6))
    assert [each.version for each in store] == ["7"]
    assert heard == [("shop", "", "5"), ("shop", "5", "7")]


def test_an_object_that_was_made_anew_is_another_one_whatever_its_version() -> None:
    """Seen to fail with versions compared without the uid."""
    store, _ = a_store()
    put(store, version(9))
    put(store, version(3, uid="u-2"))
    assert [each.uid for each in store] == ["u-2"]


def test_a_write_that_is_answered_after_the_deletion_brings_nothing_back() -> None:
    """Seen to fail where each write was stored. Without its finalizer an object is gone with that write."""
    store, heard = a_store()
    put(store, version(5))
    store.remove(BUNDLE_DEPLOYMENT.key("", "shop"))
    assert store.take(version(6)).version == "6"
    assert len(store) == 0
    assert store.take(version(8), is_new=True).version == "8"
    assert len(store) == 1
    assert heard == [("shop", "", "5"), ("shop", "5", ""), ("shop", "", "8")]


def test_a_complete_list_removes_what_it_does_not_have() -> None:
    store, _ = a_store()
    put(store, version(5))
    put(store, deployment("base", metadata={"resourceVersion": "6"}))
    store.retain(BUNDLE_DEPLOYMENT, None, {BUNDLE_DEPLOYMENT.key("", "base")})
    assert store.names() == ("base",)
