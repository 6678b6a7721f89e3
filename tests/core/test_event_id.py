import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.announce.event_id import EventId, parse
from tests.fakes.raised import raised

unsigned = st.integers(0, 2**64 - 1)


@given(unsigned, unsigned)
def test_an_id_comes_back_from_its_spelling(milliseconds: int, sequence: int) -> None:
    event = EventId(milliseconds, sequence)
    assert parse(str(event)) == event
    assert str(event) == f"{milliseconds}-{sequence}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "0",
        "1763690000123",
        "1763690000123-",
        "-0",
        "1-2-3",
        "1--2",
        "-1-0",
        "+1-0",
        "01-0",
        "1-00",
        "1 - 0",
        " 1-0",
        "1-0 ",
        "1-0\n",
        "1_0-0",
        "1e3-0",
        "0x1-0",
        "1.0-0",
        "\u0661-0",
        "1\u20130",
        "*",
        "1-*",
        "$",
        ">",
        "18446744073709551616-0",
        "0-18446744073709551616",
        "99999999999999999999-0",
        "9" * 21 + "-0",
        "9" * 5000 + "-0",
    ],
)
def test_another_spelling_than_valkeys_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an event id like 1763690000123-0"):
        parse(text)


@given(st.text("0123456789-\u0661 \n", max_size=45) | st.text())
def test_any_text_is_an_id_or_a_value_error(text: str) -> None:
    error = raised(parse, text)
    assert type(error) is ValueError or str(parse(text)) == text


def test_ids_are_compared_as_numbers() -> None:
    assert parse("5-10") > parse("5-9")
    assert parse("10-0") > parse("9-18446744073709551615")
    assert parse("1763690000123-0") == EventId(1763690000123, 0)
