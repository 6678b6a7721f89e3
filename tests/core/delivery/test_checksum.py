"""The checksum of a manifest says whether a dry-run is needed, and confirms no guess."""

from typing import Any

import pytest

from krt.core.delivery.checksum import applied_at, checksum_of
from krt.core.delivery.ownership import Owner

OWNER = Owner("Bundle", "shop")


def a_secret(value: str) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "a", "labels": {"b": "1", "a": "2"}}, "data": {"v": value}}


def test_the_order_of_fields_does_not_matter_and_each_value_does() -> None:
    body = a_secret("x")
    assert checksum_of(dict(reversed(body.items()))) == checksum_of(body)
    assert checksum_of(a_secret("y")) != checksum_of(body)


def test_so_many_secrets_share_a_checksum_that_none_is_confirmed() -> None:
    """Seen to fail with a checksum of 32 bits: every guess had one of its own."""
    checksums = [checksum_of(a_secret(f"guess-{number}")) for number in range(5000)]
    assert len(set(checksums)) < len(checksums) - 100


@pytest.mark.parametrize(
    ("entries", "time"),
    [
        ([], ""),
        (
            [{"manager": OWNER.field_manager, "operation": "Apply", "time": "2026-11-29T17:00:00Z"}],
            "2026-11-29T17:00:00Z",
        ),
        ([{"manager": OWNER.field_manager, "operation": "Update", "time": "2026-11-29T17:00:00Z"}], ""),
        ([{"manager": "krt-1", "operation": "Apply", "time": "2026-11-29T17:00:00Z"}], ""),
        ([{"manager": OWNER.field_manager, "operation": "Apply", "time": 5}, "odd"], ""),
    ],
)
def test_only_the_owners_own_apply_has_changed_the_object(entries: list[Any], time: str) -> None:
    assert applied_at({"metadata": {"managedFields": entries}}, OWNER) == time
