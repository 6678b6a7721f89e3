import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.kube.manifest import ManifestInvalid, read_manifest
from krt.core.kube.object_key import ObjectKey


def body(**changes: object) -> dict[str, object]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, **changes}


def named(name: object, **metadata: object) -> dict[str, object]:
    return body(metadata={"name": name, **metadata})


@pytest.mark.parametrize(
    ("given_body", "key", "api_version"),
    [
        (body(), ObjectKey("apps", "Deployment", "shop", "web"), "apps/v1"),
        (body(apiVersion="v1", kind="Secret"), ObjectKey("", "Secret", "shop", "web"), "v1"),
        (
            {"apiVersion": "core.rukpak.io/v1alpha1", "kind": "Bundle", "metadata": {"name": "base"}},
            ObjectKey("core.rukpak.io", "Bundle", "", "base"),
            "core.rukpak.io/v1alpha1",
        ),
        (named("system:node-reader"), ObjectKey("apps", "Deployment", "", "system:node-reader"), "apps/v1"),
        (named("web", generateName="web-"), ObjectKey("apps", "Deployment", "", "web"), "apps/v1"),
    ],
)
def test_what_names_an_object_is_read_from_it(given_body: object, key: ObjectKey, api_version: str) -> None:
    manifest = read_manifest(given_body)
    assert (manifest.key, manifest.api_version, manifest.body) == (key, api_version, given_body)


@pytest.mark.parametrize(
    ("given_body", "problem"),
    [
        (None, "it is not a mapping"),
        ([], "it is not a mapping"),
        ("kind: Secret", "it is not a mapping"),
        ({}, "it has no apiVersion"),
        (body(apiVersion=1), "it has no apiVersion"),
        (body(apiVersion="/v1"), "its apiVersion is not GROUP/VERSION"),
        (body(apiVersion="apps/"), "its apiVersion is not GROUP/VERSION"),
        (body(apiVersion="a/b/v1"), "its apiVersion is not GROUP/VERSION"),
        (body(apiVersion="../v1"), "its apiVersion is not GROUP/VERSION"),
        (body(apiVersion="apps/v1?x"), "its apiVersion is not GROUP/VERSION"),
        (body(apiVersion=f"{'a' * 254}/v1"), "its apiVersion is not GROUP/VERSION"),
        (body(kind=""), "it has no kind"),
        (body(kind="Deploy/ment"), "its kind is not the name of a kind"),
        (body(metadata=None), "it has no metadata.name"),
        (body(metadata={"generateName": "web-"}), "it has a generateName: every run would make another object"),
        (named(""), "it has no metadata.name"),
        (named(7), "it has no metadata.name"),
        (named(".."), "cannot stand in a path"),
        (named("a/b"), "cannot stand in a path"),
        (named("a%2Fb"), "cannot stand in a path"),
        (named("a b"), "cannot stand in a path"),
        (named("a\n"), "cannot stand in a path"),
        (named("a\u202eb"), "cannot stand in a path"),
        (named("a" * 254), "cannot stand in a path"),
        (named("web", namespace="Shop"), "its metadata.namespace is not the name of a namespace"),
        (named("web", namespace="a" * 64), "its metadata.namespace is not the name of a namespace"),
        (named("web", namespace="shop\n"), "its metadata.namespace is not the name of a namespace"),
    ],
)
def test_what_could_not_be_applied_is_refused_by_one_clause(given_body: object, problem: str) -> None:
    with pytest.raises(ManifestInvalid, match=problem):
        read_manifest(given_body)


def test_the_body_is_not_shown() -> None:
    """Seen to fail with the body in `repr`: it may be a Secret's."""
    assert "hunter2" not in repr(read_manifest(body(data={"password": "hunter2"})))


JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=9
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"apiVersion": JSON, "kind": JSON, "metadata": st.fixed_dictionaries({"name": JSON}) | JSON}
)


@given(FIELDS | JSON)
def test_a_name_that_is_read_can_stand_in_a_path(given_body: object) -> None:
    try:
        manifest = read_manifest(given_body)
    except ManifestInvalid:
        return
    parts = (manifest.group, manifest.version, manifest.namespace, manifest.name)
    assert not any(set("/% ?#\n") & set(part) for part in parts[:3])
    assert not {"/", "%"} & set(manifest.name)
    assert manifest.name not in {"", ".", ".."}
