"""Files of keys and values: each format reads back what was written, and no refusal quotes a value."""

import json
import string

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.app_secrets.values import (
    MOST_BYTES,
    MOST_FILE_BYTES,
    AppValues,
    format_of,
    merged,
    read_value_files,
    read_values,
)

KEYS = st.text(string.ascii_letters + string.digits + "_-.", min_size=1, max_size=20).filter(
    lambda key: not key.startswith("..") and key not in {".", ".."}
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
VALUES = st.dictionaries(KEYS, TEXTS, max_size=6)
CANARY = "tr0ub4dor"


def read(form: str, text: str) -> dict[str, str]:
    return {key: value.decode() for key, value in read_values("file", form, text.encode()).data.items()}


def refused(form: str, content: bytes) -> str:
    with pytest.raises(ValuesInvalid) as refusal:
        read_values("file", form, content)
    assert CANARY not in str(refusal.value)
    return str(refusal.value)


def double_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def single_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@given(VALUES, st.sampled_from((double_quoted, single_quoted)), st.sampled_from(("\n", "\r\n", "\n\n# a = 'b\n")))
@example({"A": "a\nb\r\nc"}, double_quoted, "\n")
@example({"A": "$B${C}`d`$(e) #f"}, double_quoted, "\n")
def test_a_quoted_value_of_dotenv_is_read_as_it_was(values: dict[str, str], quoted: object, end: str) -> None:
    assert callable(quoted)
    lines = (f"{'export ' if len(key) % 2 else ''}{key}={quoted(value)} # {key}" for key, value in values.items())
    assert read("env", end.join((*lines, ""))) == values


@given(VALUES)
def test_c24_json_and_yaml_are_read_as_they_were(values: dict[str, str]) -> None:
    assert read("json", json.dumps(values)) == values
    assert read("json", json.dumps(values, ensure_ascii=False)) == values
    assert read("yaml", yaml.safe_dump(values, default_style='"')) == values


@given(
    st.binary(max_size=200) | st.text(string.printable, max_size=200).map(str.encode),
    st.sampled_from(("env", "json", "yaml")),
)
def test_any_bytes_are_read_or_refused_with_a_sentence(content: bytes, form: str) -> None:
    sentence = ""
    try:
        found = read_values("file", form, content)
    except ValuesInvalid as refusal:
        sentence = str(refusal)
    else:
        assert all(isinstance(value, bytes) for value in found.data.values())
    assert not sentence or (sentence.startswith("file: ") and sentence.isprintable())


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A = b c  ", "b c"),
        ("A=b #c", "b"),
        ("A=b#c", "b#c"),
        ("A=#c", "#c"),
        ("A= # c", ""),
        ("A=", ""),
        ("A=''", ""),
        ("A=b\\nc", "b\\nc"),
        ('A="b\\nc"', "b\nc"),
        ("A='b\\nc'", "b\\nc"),
        ('A=\'{"b": "$c"}\'', '{"b": "$c"}'),
        ("A=b=c==", "b=c=="),
        ("export A=$B", "$B"),
        ("\ufeffA=b", "b"),
    ],
)
def test_c24_the_rule_of_dotenv(line: str, value: str) -> None:
    """The table of docs/app-secrets.md."""
    assert read("env", line) == {"A": value}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"\n\n{CANARY}\n", "file: line 3: no = follows the name"),
        (f"A=1\n\nB='{CANARY}\n", "file: line 3: it is not NAME=VALUE, or a quote is not closed"),
        (f'A="{CANARY}"x', "file: line 1: it is not NAME=VALUE, or a quote is not closed"),
        (f"={CANARY}", "file: line 1: it is not NAME=VALUE, or a quote is not closed"),
        (f"A=1\nA={CANARY}", "file: line 2: the name stands in an earlier line, too"),
        (f"A=1\n{CANARY}/+x==", "file: line 2: its name is no key of a Secret: write 1 to 253 letters"),
        (f"A=1\nB={CANARY}\0", "file: line 2: the value of B holds a NUL"),
        (f"A={CANARY}{' ' * 101}b", "file: line 1: more than 100 blanks stand in a row"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_its_number(text: str, problem: str) -> None:
    assert refused("env", text.encode()).startswith(problem)


@pytest.mark.parametrize(
    ("form", "text", "problem"),
    [
        ("json", f'{{"A": "{CANARY}", "A": "b"}}', "it cannot be read as JSON: an object names a key twice"),
        ("json", f'["{CANARY}"]', "it must be one object of keys and texts"),
        ("json", f'{{"A": {{"b": "{CANARY}"}}}}', "entry 1: the value of A is no text: put it in quotes"),
        ("json", '{"A": "b", "PORT": 5432}', "entry 2: the value of PORT is no text: put it in quotes"),
        ("json", f'{{"A": "{CANARY}\\u0000"}}', "entry 1: the value of A holds a NUL"),
        ("json", f'{{"{CANARY} x": "b"}}', "entry 1: its name is no key of a Secret"),
        ("yaml", f"A: {CANARY}\n---\nB: c\n", "line 3: a second document begins, and krt takes one"),
        ("yaml", f"A: {CANARY}\nB: yes\n", "entry 2: the value of B is no text: put it in quotes"),
        ("yaml", f"A: {CANARY}\nA: b\n", "it cannot be read as YAML: line 2: a key stands twice"),
        ("yaml", f"A: [{CANARY}\n", "it cannot be read as YAML: "),
        ("yaml", f"..A: {CANARY}\n", "entry 1: its name is no key of a Secret"),
    ],
)
def test_a_value_that_is_no_text_is_refused_by_its_key(form: str, text: str, problem: str) -> None:
    assert refused(form, text.encode()).startswith(f"file: {problem}")


@pytest.mark.parametrize("form", ["env", "json", "yaml"])
def test_bytes_that_are_no_text_and_files_that_are_too_long_are_refused(form: str) -> None:
    assert "UTF-8" in refused(form, b"A=\xff")
    assert "it has more than 4194304 bytes" in refused(form, b"A=" + b"b" * MOST_FILE_BYTES)


def test_each_file_of_a_folder_is_a_value_of_any_bytes() -> None:
    found = read_value_files("tls", {"tls.crt": b"\0\xff\n"})
    assert found.data == {"tls.crt": b"\0\xff\n"}
    assert "xff" not in repr(found)
    with pytest.raises(ValuesInvalid, match=r"tls: the name of the file 'a b' is no key of a Secret"):
        read_value_files("tls", {"a b": b""})


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([AppValues("a", {}), AppValues("b", {})], "there is no key to import in a, b"),
        ([AppValues("a", {"K": b"1"}), AppValues("b", {"K": b"1"})], "a and b both have the key K"),
        ([AppValues("a", {"K": b"x" * (MOST_BYTES + 1)})], "the values have 1048577 bytes"),
        ([AppValues("a", {f"K{number}": b"" for number in range(5001)})], "there are 5001 keys"),
    ],
)
def test_what_does_not_fit_into_one_secret_is_refused(parts: list[AppValues], problem: str) -> None:
    with pytest.raises(ValuesInvalid, match=f"^{problem}"):
        merged(parts)


def test_files_are_merged() -> None:
    assert merged([AppValues("a", {"K": b"1"}), AppValues("b", {"L": b"2"})]) == {"K": b"1", "L": b"2"}


@pytest.mark.parametrize(
    ("name", "form"),
    [(".env", "env"), ("prod.env", "env"), ("a.JSON", "json"), ("a.yaml", "yaml"), ("a.yml", "yaml"), ("-", "env")],
)
def test_a_suffix_names_the_format(name: str, form: str) -> None:
    assert format_of(name) == form
