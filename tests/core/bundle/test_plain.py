"""The rules R14 to R17 of plain+v0, and what becomes of manifests in files."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.bundle import manifest_files
from krt.core.bundle.plain import objects_of
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.kube.object_key import ObjectKey

WEB = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: '1'}\n"
WEB_KEY = ObjectKey("apps", "Deployment", "shop", "web")
CONFIG_KEY = ObjectKey("", "ConfigMap", "shop", "settings")


def tree(*folders: str, **files: bytes) -> FileTree:
    """Files by name, in `manifests`; `_` stands for the dot before `yaml`."""
    return FileTree({f"manifests/{name.replace('_', '.')}": content for name, content in files.items()}, {*folders})


def keys(given_tree: FileTree) -> list[ObjectKey]:
    return [manifest.key for manifest in objects_of(given_tree)]


def refusal(given_tree: FileTree) -> str:
    with pytest.raises(BundleInvalid) as caught:
        objects_of(given_tree)
    return str(caught.value)


def test_the_objects_of_all_files_are_found_in_the_order_of_their_names() -> None:
    files = {"manifests/b.yaml": WEB, "manifests/a.yaml": CONFIG, "README.md": b"# not looked at"}
    assert keys(FileTree(files)) == [CONFIG_KEY, WEB_KEY]


@pytest.mark.parametrize(
    "content",
    [
        WEB + b"---\n" + CONFIG,
        b"---\n# first\n---\n\n" + WEB + b"---\n---\nnull\n--- # last\n" + CONFIG + b"---\n",
        b"\xef\xbb\xbf" + WEB.replace(b"\n", b"\r\n") + b"---\r\n" + CONFIG.replace(b"\n", b"\r\n"),
        b'{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}\n---\n'
        + CONFIG,
    ],
)
def test_empty_documents_a_byte_order_mark_and_crlf_mean_nothing(content: bytes) -> None:
    assert keys(tree(all_yaml=content)) == [WEB_KEY, CONFIG_KEY]


def test_lists_are_flattened_and_a_typed_one_gives_its_items_their_kind() -> None:
    text = b"""
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMapList
  items: [{metadata: {name: settings, namespace: shop}}]
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}}
---
{apiVersion: v1, kind: SecretList, items: null}
"""
    assert keys(tree(all_yaml=text)) == [CONFIG_KEY, WEB_KEY]


def test_a_kind_that_only_ends_in_list_is_an_object() -> None:
    text = b"{apiVersion: acme.io/v1, kind: AllowList, metadata: {name: a}, spec: {}}"
    assert keys(tree(a_yaml=text)) == [ObjectKey("acme.io", "AllowList", "", "a")]


def test_an_object_that_stands_there_twice_alike_is_taken_once() -> None:
    assert keys(tree(a_yaml=WEB, b_yaml=WEB + b"# the same\n")) == [WEB_KEY]


def test_two_that_differ_are_refused_with_both_files() -> None:
    problem = refusal(tree(a_yaml=WEB, b_yaml=CONFIG, c_yaml=WEB + b"spec: {}\n"))
    assert problem == (
        "Deployment shop/web stands twice, in manifests/a.yaml and in manifests/c.yaml, with different content"
    )
    problem = refusal(tree(a_yaml=WEB + b"---\n" + WEB + b"spec: {}\n"))
    assert problem == "Deployment shop/web stands twice, in manifests/a.yaml, with different content"


@pytest.mark.parametrize(
    ("given_tree", "problem"),
    [
        (FileTree({"web.yaml": WEB}), "readdir manifests: file does not exist"),
        (FileTree({"manifests": WEB}), "readdir manifests: file does not exist"),
        (
            FileTree({}, frozenset({"manifests"})),
            "found zero objects: plain+v0 bundles are required to contain at least one object",
        ),
        (
            tree(a_yaml=b"# nothing\n---\n"),
            "found zero objects: plain+v0 bundles are required to contain at least one object",
        ),
        (
            tree("manifests/empty", a_yaml=WEB),
            (
                "subdirectories are not allowed within the "
                '"manifests" directory of the bundle image filesystem: found "manifests/empty"'
            ),
        ),
        (
            FileTree({"manifests/a.yaml": WEB, "manifests/sub/b.yaml": WEB}),
            (
                "subdirectories are not allowed within the "
                '"manifests" directory of the bundle image filesystem: found "manifests/sub"'
            ),
        ),
        (
            tree(README_md=b"Our shop\n"),
            (
                "manifests/README.md, the document at line 1: it is not a mapping with apiVersion, kind and metadata "
                "(json: cannot unmarshal string into Go value)"
            ),
        ),
        (
            tree(a_yaml=WEB + b"---\n- 1\n"),
            (
                "manifests/a.yaml, the document at line 5: it is not a mapping with apiVersion, kind and metadata "
                "(json: cannot unmarshal array into Go value)"
            ),
        ),
        (
            tree(kustomization_yaml=b"resources: [web.yaml]\n"),
            "manifests/kustomization.yaml, the document at line 1: it has no apiVersion",
        ),
        (
            tree(a_yaml=b"{apiVersion: batch/v1, kind: Job, metadata: {generateName: run-}}"),
            (
                "manifests/a.yaml, the document at line 1: it has a generateName: every run would make another object, "
                "write a name"
            ),
        ),
        (
            tree(a_yaml=b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"),
            "manifests/a.yaml is a Git LFS pointer and not the file itself: run `git lfs pull` first",
        ),
        (tree(a_yaml=WEB + b"kind: Secret\n"), "manifests/a.yaml: line 4: a key stands twice in one mapping"),
        (tree(a_yaml=b"{{ .Values.name }}: x"), "manifests/a.yaml: line 1: a key is a mapping or a sequence"),
        (tree(a_yaml=b"\xff\xfe"), "manifests/a.yaml: it is not text in UTF-8"),
        (
            tree(a_yaml=b"{apiVersion: v1, kind: PodList, items: 7}"),
            "manifests/a.yaml, the document at line 1: its items are not a list, or are nested deeper than 8 lists",
        ),
    ],
)
def test_what_is_no_plain_bundle_is_refused_by_one_sentence(given_tree: FileTree, problem: str) -> None:
    assert refusal(given_tree) == problem


def test_a_bundle_has_so_many_objects_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_files, "MOST_OBJECTS", 2)
    assert len(objects_of(tree(a_yaml=WEB, b_yaml=CONFIG))) == 2
    more = CONFIG.replace(b"settings", b"more")
    assert refusal(tree(a_yaml=WEB, b_yaml=CONFIG, c_yaml=more)).endswith("the bundle has more than 2 objects")


@given(st.dictionaries(st.sampled_from(["manifests/a", "manifests/b/c", "manifests", "d"]), st.binary(max_size=60)))
def test_whatever_the_files_hold_there_are_objects_or_a_refusal(files: dict[str, bytes]) -> None:
    with suppress(BundleInvalid):
        assert objects_of(FileTree(files))
