"""The plan of an import: exactly the keys that differ are written, and others stay unless they are to go."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.app_secrets.import_plan import Import, plan_import
from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.app_secrets.values import MOST_BYTES

KEYS = st.sampled_from(("A", "B", "C", "d.e"))
DATA = st.dictionaries(KEYS, st.sampled_from((b"", b"1", b"2")))


def a_source(data: Mapping[str, bytes], **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "any", "resourceVersion": "7", **more.pop("metadata", {})}
    return {"metadata": metadata, "data": {key: b64encode(value).decode() for key, value in data.items()}, **more}


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch of one level."""
    found = {**document, **patch}
    return {key: value for key, value in found.items() if value is not None}


@given(DATA, DATA, st.booleans())
def test_the_patch_makes_the_secret_what_the_plan_says(live: Any, wanted: Any, replaces: bool) -> None:
    source = a_source(live)
    plan = plan_import(Import("checkout", wanted, replaces), "shop", [source])
    content: Any = plan.content
    expected = a_source({**({} if replaces else live), **wanted})["data"]
    assert merged(source["data"], content["data"]) == expected
    assert plan.changes is (expected != source["data"])
    assert content["data"].keys() == {*plan.added, *plan.changed, *plan.removed}
    assert content["metadata"] == {"resourceVersion": "7"}
    told = [*plan.added, *plan.changed, *plan.unchanged, *plan.removed, *plan.kept]
    assert sorted(told) == sorted({*live, *wanted})


def test_a_missing_source_is_created_with_the_apps_name_and_label() -> None:
    plan = plan_import(Import("checkout", {"A": b"1"}), "shop", [])
    assert plan.content == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "shop", "name": "checkout", "labels": {"krt/app": "checkout"}},
        "type": "Opaque",
        "data": {"A": "MQ=="},
    }
    assert "MQ==" not in repr(plan)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (a_source({}, immutable=True), "Secret shop/any is immutable"),
        (a_source({}, metadata={"deletionTimestamp": "2026-11-29T00:00:00Z"}), "Secret shop/any is being deleted"),
        (a_source({"B": b"x" * MOST_BYTES}), "Secret shop/any would have 1048577 bytes"),
    ],
)
def test_a_source_that_cannot_take_the_change_is_refused(source: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValuesInvalid, match=f"^{sentence}"):
        plan_import(Import("checkout", {"A": b"1"}), "shop", [source])


def test_an_immutable_source_that_needs_no_change_is_none() -> None:
    assert not plan_import(Import("checkout", {"A": b"1"}), "shop", [a_source({"A": b"1"}, immutable=True)]).changes
