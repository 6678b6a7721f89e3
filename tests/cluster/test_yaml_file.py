"""A kubeconfig's YAML: judged before anything is built of it.

Seen to fail with `yaml.safe_load` in its place: a RecursionError, and minutes for merged aliases.
"""

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from krt.cluster.access import load_access
from krt.cluster.yaml_file import MOST_BYTES, MOST_DEPTH, YamlRefused, load_yaml
from krt.errors import SettingsInvalid

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
CHAIN = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3000))
BOMBS = {
    "5,000 lists": "[" * 5000,
    "5,000 maps": "{a: " * 5000,
    "2,000 levels of indentation": "\n".join(" " * n + "a:" for n in range(2000)),
    "100,000 dashes in a line": "- " * 100_000,
    "100,000 questions": "? " * 100_000,
    "a billion laughs": LAUGHS,
    "merged maps": MERGES,
    "a chain of aliases": CHAIN,
    "an alias within itself": "a: &a [*a]",
    "an alias of nothing": "a: *b",
    "a million values": "[" + "a, " * 1_000_000 + "]",
    "a program": "a: !!python/object/apply:os.system [ls]",
    "a key that is a list": "? [a]\n: b",
    "a date that cannot be": "a: 2001-99-99",
    "digits": "a: " + "9" * 10_000,
    "colons": ":" * 1_000_000,
    "a control character": "a: \x00",
    "anchors": "".join(f"- &a{n} x\n" for n in range(150_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_much_is_one_sentence(name, tmp_path):
    with pytest.raises(YamlRefused, match=r"^it (is no|is nested|holds)|^an alias"):
        load_yaml(BOMBS[name].encode())
    (tmp_path / "kubeconfig").write_text(BOMBS[name])
    with pytest.raises(SettingsInvalid) as refused:
        load_access(tmp_path / "kubeconfig")
    assert len(refused.value.problems) == 1


def test_no_sentence_quotes_what_stands_there():
    for text in (
        "token: s3cret: x",
        "s3cret: [",
        "a: *s3cret",
        "a: !s3cret x",
        "&s3cret a: &s3cret b\nc: [",
        "a: 's3cret",
    ):
        with pytest.raises(YamlRefused) as refused:
            load_yaml(text.encode())
        assert "s3cret" not in str(refused.value)


def test_anchors_aliases_and_merges_within_bounds_are_what_they_are():
    text = b"a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n"
    assert load_yaml(text) == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}


DOUBLES = {
    "a: 1\nb: 2\na: 3\n": (1, 3),
    "a: 1\n'a': 3\n": (1, 2),
    "{a: 1, a: 1}": (1, 1),
    "x:\n- y:\n    k: [1]\n    l: {k: 1}\n    k: 1\n": (3, 5),
}


@pytest.mark.parametrize("text", DOUBLES)
def test_a_key_that_stands_twice_is_refused_with_both_lines_where_keys_must_be_distinct(text):
    """Seen to fail: the last one counted."""
    first, second = DOUBLES[text]
    with pytest.raises(YamlRefused, match=rf"^a key stands in it twice, in line {first} and in line {second}$"):
        load_yaml(text.encode(), distinct=True)
    load_yaml(text.encode())


def test_equal_values_and_equal_keys_of_two_mappings_are_distinct():
    text = b"a: a\nb: a\nc: {a: b, b: a}\nd: [a, a, {a: 1}, {a: 1}]\n&x e: *x\n"
    assert load_yaml(text, distinct=True) == load_yaml(text)


@pytest.mark.parametrize("depth", [1, MOST_DEPTH - 2])
def test_depth_within_the_bound_is_read(depth):
    assert load_yaml(b"[" * depth + b"]" * depth) is not None


def test_many_clusters_are_no_bomb():
    clusters = [{"name": f"c{n}", "cluster": {"certificate-authority-data": "QUJD" * 500}} for n in range(1500)]
    text = yaml.safe_dump({"clusters": clusters}).encode()
    assert len(text) < MOST_BYTES
    assert load_yaml(text)["clusters"] == clusters


LEAVES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_what_pyyaml_writes_is_read_as_it_was(value):
    assert load_yaml(yaml.safe_dump(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(content):
    with suppress(YamlRefused):
        load_yaml(content)
