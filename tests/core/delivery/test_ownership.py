import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.ownership import OWNED_BY, OWNER, Owner, conflict_of, is_owned, owned

BASE, OTHER = Owner("BundleDeployment", "base"), Owner("BundleDeployment", "other")


def live(**metadata: Any) -> dict[str, Any]:
    return {"metadata": metadata}


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_an_owner_is_called_its_field_manager_and_label_are_admissible(kind: str, name: str) -> None:
    """A field manager has at most 128 characters, a label's value 63."""
    owner = Owner(kind, name)
    assert re.fullmatch("krt-[0-9a-f]{10}", owner.field_manager)
    assert owner.field_manager == f"krt-{owner.id}"


def test_two_owners_have_two_field_managers() -> None:
    names = [("BundleDeployment", "base"), ("BundleDeployment", "other"), ("bundle", "base"), ("bundleb", "ase")]
    assert len({Owner(*each).field_manager for each in names}) == 4


def test_what_is_applied_bears_its_owner_and_keeps_what_it_had() -> None:
    body = live(name="web", labels={"app": "web"}, annotations={"note": "x"})
    marked = owned(body, BASE)
    assert marked["metadata"] == {
        "name": "web",
        "labels": {"app": "web", OWNER: BASE.id},
        "annotations": {"note": "x", OWNED_BY: "BundleDeployment base"},
    }
    assert body == live(name="web", labels={"app": "web"}, annotations={"note": "x"})
    assert is_owned(marked, BASE)
    assert not is_owned(marked, OTHER)


@pytest.mark.parametrize(
    ("found", "living", "conflict"),
    [
        (live(), True, None),
        (owned(live(), BASE), True, None),
        (owned(live(), OTHER), True, "managed by BundleDeployment other"),
        (owned(live(), OTHER), False, None),
        (live(labels={OWNER: "0123456789"}), True, "managed by another owner, krt/owner=0123456789"),
        (
            live(labels={OWNER: "0123456789"}, annotations={OWNED_BY: "x\n\x1b[2Jtoken=abc"}),
            True,
            "managed by x [2Jtoken=…",
        ),
    ],
)
def test_an_object_of_another_living_owner_is_a_conflict(
    found: dict[str, Any], living: bool, conflict: str | None
) -> None:
    """Seen to fail: another owner's object was no conflict."""
    assert conflict_of(found, BASE, lambda _: living) == conflict
