"""Objects that krt prints as YAML are the same objects for kubectl and for krt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.bundle.kube_yaml import read_documents
from krt.core.bundle.yaml_text import yaml_lines
from tests.kubeyaml.plugin import KubeYaml

HOSTILE = [
    "y", "N", "yes", "on", "OFF", "true", "null", "~", "", "1", "1e3", "0x1f", "0o17", "1_000", "1:30", "2001-01-01",
    ".5", ".inf", "-", "- a", "a: b", "a #b", "#", "&a", "*a", "!a", "|", ">", "%", "@", "`", "{", "[", "'", '"', "\\",
    " a ", "a\nb", "a\nb\n", "\n", "a\n\n\nb", "  a\n b", "a\tb", "é", "😀", "\u2028", "\x07", "<<", "=", "---", "...",
]  # fmt: skip


def printed(value: dict[str, Any]) -> str:
    return "\n".join(yaml_lines(value)) + "\n"


def read(text: str) -> Any:
    [document] = read_documents(text.encode())
    return document.value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text: str) -> None:
    """Seen to fail with y and 1e3, which PyYAML writes without quotes."""
    value = {"key": text, "list": [text, {"in": text}]}
    assert read(printed(value)) == value


def test_kubectls_own_reader_reads_the_same(kubeyaml: KubeYaml) -> None:
    value = {"texts": HOSTILE, "others": [1, -1, 1.5, True, None, {}, []]}
    assert kubeyaml.read(printed(value)).value == value


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-zA-Z./-]{1,9}", fullmatch=True), inner)
    ),
    max_leaves=8,
)


@given(_values)
def test_any_value_is_read_as_it_was(value: Any) -> None:
    assert read(printed({"value": value})) == {"value": value}
