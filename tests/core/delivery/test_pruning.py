from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.inventory import InventoryEntry, entry_of
from krt.core.delivery.ownership import OWNED_BY, OWNER, Owner
from krt.core.delivery.pruning import Delete, Extent, Keep, Leave, fate_of
from tests.core.delivery.objects import key_of

BASE, OTHER = Owner("BundleDeployment", "base"), Owner("BundleDeployment", "other")
WEB, SHOP = key_of("Deployment.apps shop/web"), key_of("Namespace shop")
CRD = key_of("CustomResourceDefinition.apiextensions.k8s.io widgets.example.com")


def live(uid: str = "u1", owner: Owner | None = BASE, **annotations: str) -> dict[str, Any]:
    labels = {OWNER: owner.id} if owner else {}
    said = {OWNED_BY: str(owner)} if owner else {}
    return {"metadata": {"uid": uid, "labels": labels, "annotations": {**said, **annotations}}}


def annotated(name: str, value: str) -> dict[str, Any]:
    return live(**{name: value})


ENTRY = entry_of(WEB, "u1", created=True)


@pytest.mark.parametrize(
    ("entry", "found", "fate"),
    [
        (ENTRY, live(), Delete(ENTRY, "u1")),
        (entry_of(WEB, "u1"), live(), Delete(entry_of(WEB, "u1"), "u1")),
        (entry_of(WEB), live("u7"), Delete(entry_of(WEB), "u7")),
        (ENTRY, None, Leave(ENTRY, "")),
        (ENTRY, live("u2"), Leave(ENTRY, "somebody has made it anew")),
        (ENTRY, live(owner=OTHER), Leave(ENTRY, "it is managed by BundleDeployment other")),
        (ENTRY, live(owner=None), Leave(ENTRY, "its label krt/owner is gone")),
        (entry_of(WEB), live(owner=None), Leave(entry_of(WEB), "its label krt/owner is gone")),
        (ENTRY, annotated("krt/prune", "disabled"), Keep(ENTRY, "its annotation says krt/prune: disabled")),
        (ENTRY, annotated("krt/prune", "enabled"), Delete(ENTRY, "u1")),
        (
            ENTRY,
            annotated("kustomize.toolkit.fluxcd.io/prune", "disabled"),
            Keep(ENTRY, "its annotation says kustomize.toolkit.fluxcd.io/prune: disabled"),
        ),
        (
            ENTRY,
            annotated("action.timoni.sh/prune", "disabled"),
            Keep(ENTRY, "its annotation says action.timoni.sh/prune: disabled"),
        ),
    ],
)
def test_only_what_is_still_the_owners_own_is_deleted(
    entry: InventoryEntry, found: dict[str, Any] | None, fate: Delete | Keep | Leave
) -> None:
    assert fate_of(entry, found, BASE) == fate


@pytest.mark.parametrize("key", [SHOP, CRD])
@pytest.mark.parametrize(
    ("extent", "created", "foreign", "kept"),
    [
        (Extent.ORDINARY, True, [], "is deleted only together with its owner"),
        (Extent.ALL, True, [], None),
        (Extent.ALL, False, [], "it was there before krt applied it"),
        (Extent.ALL, True, ["ConfigMap shop/a"], "it holds objects of others: ConfigMap shop/a"),
        (Extent.ALL, True, list("abcdefg"), "it holds objects of others: a, b, c, d, e and 2 more"),
        (Extent.EVERYTHING, True, ["ConfigMap shop/a"], None),
        (Extent.EVERYTHING, False, [], "it was there before krt applied it"),
    ],
)
def test_what_holds_objects_of_others_goes_only_with_its_owner_and_by_an_explicit_word(
    key: Any, extent: Extent, created: bool, foreign: list[str], kept: str | None
) -> None:
    """Seen to fail: a Namespace that was there before was deleted."""
    fate = fate_of(entry_of(key, "u1", created=created), live(), BASE, extent=extent, foreign=foreign)
    assert isinstance(fate, Delete) is (kept is None)
    assert kept is None or kept in fate.reason  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public", "krt"])
def test_some_namespaces_are_never_deleted(name: str) -> None:
    """Seen to fail with `default` protected alone."""
    entry = entry_of(key_of(f"Namespace {name}"), "u1", created=True)
    fate = fate_of(entry, live(), BASE, extent=Extent.EVERYTHING, own_namespace="krt")
    assert fate == Leave(entry, "krt never deletes this namespace")


UIDS = st.sampled_from(["", "u1", "u2"])
BODIES = st.builds(live, UIDS, st.sampled_from([None, BASE, OTHER]))


@given(UIDS, st.booleans(), BODIES, st.sampled_from(Extent), st.sampled_from([WEB, SHOP, CRD]))
def test_nothing_is_deleted_that_has_another_uid_or_another_owner(
    uid: str, created: bool, body: dict[str, Any], extent: Extent, key: Any
) -> None:
    """Seen to fail without the look at the uid, and without the look at the label."""
    fate = fate_of(entry_of(key, uid, created=created), body, BASE, extent=extent)
    if isinstance(fate, Delete):
        metadata = body["metadata"]
        assert fate.uid == metadata["uid"]
        assert uid in {"", metadata["uid"]}
        assert metadata["labels"] == {OWNER: BASE.id}
