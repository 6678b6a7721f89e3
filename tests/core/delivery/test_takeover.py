from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.ownership import Owner
from krt.core.delivery.takeover import LAST_APPLIED, take_over

OWNER = Owner("Secret", "shop/web")
DATA, TYPE = {"f:data": {"f:old.tgz": {}}}, {"f:type": {}}


def entry(manager: str, fields: Any, operation: str = "Update", **changes: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **changes}


def own(fields: Any) -> dict[str, Any]:
    return entry(OWNER.field_manager, fields, "Apply")


def taken(*entries: dict[str, Any], **annotations: str) -> Any:
    metadata = {"resourceVersion": "7", "managedFields": list(entries), "annotations": annotations}
    return take_over({"metadata": metadata}, OWNER)


@pytest.mark.parametrize("manager", ["kubectl-create", "kubectl-client-side-apply", "before-first-apply"])
def test_what_kubectl_made_becomes_krts_in_one_guarded_patch(manager: str) -> None:
    assert taken(entry(manager, DATA)) == {"metadata": {"resourceVersion": "7", "managedFields": [own(DATA)]}}


def test_fields_of_both_are_one_entry() -> None:
    """Seen to fail with the entry of kubectl in place of krt's own."""
    applied = own({"f:data": {"f:dist.tgz": {}}, **TYPE})
    patch = taken(entry("kubectl-create", DATA), applied)
    assert patch["metadata"]["managedFields"] == [own({"f:data": {"f:dist.tgz": {}, "f:old.tgz": {}}, **TYPE})]


def test_two_of_kubectls_are_joined() -> None:
    patch = taken(entry("kubectl-create", DATA), entry("kubectl-client-side-apply", TYPE))
    assert patch["metadata"]["managedFields"] == [own({**DATA, **TYPE})]


def test_fields_of_another_version_are_an_entry_of_their_own() -> None:
    old = entry("kubectl-create", DATA, apiVersion="v1beta1")
    patch = taken(old, own(TYPE))
    assert patch["metadata"]["managedFields"] == [own(TYPE), {**own(DATA), "apiVersion": "v1beta1"}]


@pytest.mark.parametrize(
    "other",
    [
        entry("kubectl-edit", DATA),
        entry("alice", DATA),
        entry("kubectl", DATA, "Apply"),
        entry("kubectl-create", DATA, "Apply"),
        entry("kubectl-create", DATA, subresource="scale"),
        entry("krt-0123456789", DATA, "Apply"),
    ],
)
def test_what_others_manage_stays_theirs(other: dict[str, Any]) -> None:
    assert taken(other, own(TYPE)) is None
    patch = taken(other, entry("kubectl-create", TYPE))
    assert patch["metadata"]["managedFields"] == [other, own(TYPE)]


def test_the_last_applied_configuration_goes_with_the_takeover() -> None:
    """Seen to fail with the annotation left: it holds the content once more."""
    patch = taken(entry("kubectl-client-side-apply", DATA), **{LAST_APPLIED: "{}"})
    assert patch["metadata"]["annotations"] == {LAST_APPLIED: None}


FIELDS: Any = st.recursive(
    st.just({}), lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "k:c"]), inner, max_size=3), max_leaves=9
)
MANAGERS = st.sampled_from(["kubectl-create", "before-first-apply", "alice", OWNER.field_manager])
ENTRIES = st.builds(entry, MANAGERS, FIELDS, st.sampled_from(["Update", "Apply"]))


def leaves(fields: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    return {path}.union(*(leaves(below, (*path, name)) for name, below in fields.items()))


@given(st.lists(ENTRIES, max_size=5))
def test_no_field_is_lost_and_a_second_takeover_has_nothing_to_do(entries: list[Any]) -> None:
    patch = taken(*entries)
    after = patch["metadata"]["managedFields"] if patch else entries
    assert taken(*after) is None
    every = [set().union(*(leaves(each["fieldsV1"]) for each in those)) for those in (entries, after)]
    assert every[0] == every[1]
