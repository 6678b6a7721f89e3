import gzip
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.inventory import (
    MOST_ENTRIES,
    Inventory,
    InventoryEntry,
    InventoryUnreadable,
    entry_of,
    from_bytes,
    inventory_name,
    to_bytes,
)
from krt.core.delivery.ownership import Owner
from krt.core.kube.object_key import ObjectKey
from tests.core.delivery.objects import key_of

WEB, DB, SHOP = key_of("Deployment.apps shop/web"), key_of("Secret shop/db"), key_of("Namespace shop")


def listing(*entries: InventoryEntry) -> Inventory:
    return Inventory().with_entries(entries)


def many(number: int) -> Inventory:
    return listing(*(entry_of(ObjectKey("", "Secret", "shop", f"s{n}"), f"uid-{n}") for n in range(number)))


names = st.text(min_size=1, max_size=9)
keys = st.builds(ObjectKey, st.sampled_from(["", "apps", "example.com"]), names, st.text(max_size=5), names)
entries = st.builds(entry_of, keys, st.sampled_from(["", "u1", "u2"]), created=st.booleans())
inventories = st.lists(entries, max_size=9).map(lambda found: listing(*found))


@given(inventories)
def test_an_inventory_is_read_as_it_was_written(inventory: Inventory) -> None:
    assert from_bytes(to_bytes(inventory)) == inventory


@pytest.mark.parametrize(("number", "packed"), [(0, False), (500, False), (5000, True)])
def test_a_long_one_is_packed_and_of_equal_ones_the_bytes_are_equal(number: int, packed: bool) -> None:
    """Seen to fail with the time in the packed bytes: each run would write the Secret again."""
    data = to_bytes(many(number))
    assert data.startswith(b"\x1f\x8b") is packed
    assert data[4:8] == b"\0\0\0\0" or not packed
    assert from_bytes(data) == many(number)
    assert len(data) < 200_000


def test_it_is_plain_json_that_people_can_read() -> None:
    assert json.loads(to_bytes(listing(entry_of(DB, "u1", created=True), entry_of(WEB)))) == [
        {"kind": "Secret", "namespace": "shop", "name": "db", "uid": "u1", "created": True},
        {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"},
    ]


PACKED = gzip.compress(b'[{"kind": "Secret", "name": "db"}]', mtime=0)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a list of objects"),
        (b"{}", "not a list of objects"),
        (b'[{"kind": "Secret"}]', "not a list of objects"),
        (b'[{"kind": 1, "name": "db"}]', "not a list of objects"),
        (b'[{"kind": "\xff", "name": "db"}]', "not a list of objects"),
        (b"[" * 100_000, "not a list of objects"),
        (b'[{"kind": "Secret", "name": ""}]', "twice, or without a name"),
        (b'[{"kind": "Secret", "name": "db"}, {"kind": "Secret", "name": "db"}]', "twice, or without a name"),
        (b" " * (1024 * 1024 + 1), "longer than 1048576 bytes"),
        (PACKED[:-1], "not to one whole text"),
        (PACKED + b"x", "not to one whole text"),
        (PACKED[:-8] + bytes(8), "not a list of objects"),
        (gzip.compress(b" " * 50_000_000, mtime=0), "unpacks to more than"),
        (b"\x1f\x8bx", "not to one whole text"),
    ],
)
def test_what_krt_did_not_write_is_refused_and_never_taken_for_an_empty_one(data: bytes, problem: str) -> None:
    with pytest.raises(InventoryUnreadable, match=problem):
        from_bytes(data)


def test_more_objects_than_two_bundles_hold_are_refused() -> None:
    assert from_bytes(to_bytes(many(MOST_ENTRIES))) == many(MOST_ENTRIES)
    with pytest.raises(InventoryUnreadable, match="10001 objects"):
        from_bytes(to_bytes(many(MOST_ENTRIES + 1)))


def test_a_newer_krt_may_say_more_of_an_object() -> None:
    assert from_bytes(b'[{"kind": "Secret", "name": "db", "stage": 3}]') == listing(entry_of(key_of("Secret db")))


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        (entry_of(WEB), entry_of(WEB, "u1"), entry_of(WEB, "u1")),
        (entry_of(WEB, "u1"), entry_of(WEB), entry_of(WEB, "u1")),
        (entry_of(WEB, created=True), entry_of(WEB, "u1"), entry_of(WEB, "u1", created=True)),
        (entry_of(WEB, "u1", created=True), entry_of(WEB, "u1"), entry_of(WEB, "u1", created=True)),
        (entry_of(WEB, "u1", created=True), entry_of(WEB, "u2"), entry_of(WEB, "u2")),
        (entry_of(WEB, "u1"), entry_of(WEB, "u2", created=True), entry_of(WEB, "u2", created=True)),
    ],
)
def test_that_krt_made_an_object_stays_true_as_long_as_it_is_the_same_one(
    old: InventoryEntry, new: InventoryEntry, merged: InventoryEntry
) -> None:
    """Seen to fail with the newer word alone: a namespace that krt made is left behind when its owner is deleted."""
    assert listing(old).with_entries([new]) == listing(merged)


@given(inventories, st.lists(entries, max_size=9))
def test_the_union_forgets_no_object(before: Inventory, planned: list[InventoryEntry]) -> None:
    union = before.with_entries(planned)
    wanted = {entry.key for entry in planned}
    assert {entry.key for entry in union.entries} == {entry.key for entry in before.entries} | wanted
    gone = union.beside(wanted)
    assert {entry.key for entry in gone} == {entry.key for entry in before.entries} - wanted
    assert {entry.key for entry in union.without({entry.key for entry in gone}).entries} == wanted


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Owner("BundleDeployment", "base"), r"krt\.inventory\.base-[0-9a-f]{8}"),
        (Owner("module", "platform/k8s/x#One"), r"krt\.inventory\.platform-k8s-x-one-[0-9a-f]{8}"),
        (Owner("bundle", "x" * 300), r"krt\.inventory\.x{40}-[0-9a-f]{8}"),
        (Owner("bundle", "ß"), r"krt\.inventory\.[0-9a-f]{8}"),
    ],
)
def test_the_secret_of_an_inventory_has_a_name_that_people_recognize(owner: Owner, name: str) -> None:
    assert re.fullmatch(name, inventory_name(owner))
