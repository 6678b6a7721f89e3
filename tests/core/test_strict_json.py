import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krt.core.strict_json import DEEPEST, StrictJsonError, loads

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20) + 1, 10**20 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
# Texts made of the pieces that JSON is made of: nearly JSON, and so more telling than random bytes.
nearly = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            '"a"',
            '"b"',
            '"\\u0061"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
            '"é"',
            "1",
            "-0",
            "1e999",
            "-1e400",
            "0.1",
            "1" * 21,
            "NaN",
            "Infinity",
            "-Infinity",
            "null",
            "tru",
            " ",
            "\n",
            "\ufeff",
            "\x00",
            "\\",
            '"',
            "//",
            "'",
        ]
    ),
    max_size=12,
).map("".join)


@settings(deadline=None)  # a busy machine is no failure
@given(values)
def test_what_json_writes_is_read_alike(value: object) -> None:
    assert loads(json.dumps(value).encode(), max_bytes=10**6) == value


@settings(deadline=None)  # a busy machine is no failure
@given(nearly.map(str.encode) | st.binary(max_size=60) | nearly.map(lambda text: text.encode("utf-16")))
def test_an_accepted_text_means_what_json_says_and_others_fail_in_one_way(data: bytes) -> None:
    try:
        value = loads(data, max_bytes=1000)
    except StrictJsonError:
        return
    assert value == json.loads(data)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not JSON from character 0 on"),
        (b"{}}", "not JSON from character 2 on"),
        (b"{} x", "not JSON from character 3 on"),
        (b"{'a': 1}", "not JSON from character 1 on"),
        (b"[1,]", "not JSON from character"),
        (b'{"a": 1} // why', "not JSON from character 9 on"),
        (b'"\n"', "not JSON from character 1 on"),
        (b'"\x00"', "not JSON from character 1 on"),
        (b"\xef\xbb\xbf{}", "not JSON from character 0 on"),
        ("{}".encode("utf-16"), "not UTF-8"),
        ("{}".encode("utf-16-le"), "not JSON from character 1 on"),
        ("{}".encode("utf-32"), "not UTF-8"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'{"a": 1, "a": 1}', "an object names a key twice"),
        (b'{"a": 1, "\\u0061": 2}', "an object names a key twice"),
        (b'[{"x": {"a": 1, "a": 2}}]', "an object names a key twice"),
        (b"NaN", "NaN and Infinity are not JSON"),
        (b"[Infinity]", "NaN and Infinity are not JSON"),
        (b'{"a": -Infinity}', "NaN and Infinity are not JSON"),
        (b"1e999", "a number is too large"),
        (b"[-1e999]", "a number is too large"),
        (b"9" * 5000, "an integer has more than 20 digits"),
        (b"-" + b"9" * 21, "an integer has more than 20 digits"),
        (b'"\\ud800"', "a text holds half a surrogate pair"),
        (b'["\\udc00\\ud800"]', "a text holds half a surrogate pair"),
        (b'{"\\udfff": 1}', "a text holds half a surrogate pair"),
        (b'{"a": ["\\ud83d"]}', "a text holds half a surrogate pair"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested more than 32 levels deep"),
        (b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), "nested more than 32 levels deep"),
        (b"[" * 3000 + b"]" * 3000, "nested more than 32 levels deep"),
        (b"[" * 100_000 + b"]" * 100_000, "nested more than 32 levels deep"),
        (b"[" * 200_000, "nested more than 32 levels deep|not JSON"),
        (b'{"a":' * 100_000, "nested more than 32 levels deep|not JSON"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_could_be_read_in_two_ways_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(StrictJsonError, match=problem):
        loads(data, max_bytes=10**6)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"[" * DEEPEST + b"]" * DEEPEST, None),
        (b' {"a": [1, -2.5e3, "\\ud83d\\ude00", null, true]}\n', {"a": [1, -2500.0, "😀", None, True]}),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
    ],
)
def test_what_has_one_meaning_is_read(data: bytes, value: object) -> None:
    read = loads(data, max_bytes=10**6)
    assert value is None or read == value


def test_the_length_counts_in_bytes_and_before_anything_is_read() -> None:
    assert loads('"é"'.encode(), max_bytes=4) == "é"
    with pytest.raises(StrictJsonError, match="longer than 3 bytes"):
        loads('"é"'.encode(), max_bytes=3)


def test_the_error_holds_nothing_of_the_text() -> None:
    with pytest.raises(StrictJsonError) as caught:
        loads(b'{"secret": hunter2}', max_bytes=100)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hunter2" not in str(caught.value)
