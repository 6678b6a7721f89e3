import io
import json

from hypothesis import given
from hypothesis import strategies as st

from krt.client.console import MOST_CHARACTERS, Console, escape, plain, to_json


def a_console(**changes: bool) -> Console:
    return Console(io.StringIO(), io.StringIO(), **changes)


def said(console: Console) -> str:
    assert isinstance(console.err, io.StringIO)
    return console.err.getvalue()


@given(st.text())
def test_no_text_from_outside_is_a_command_or_a_second_line(text: str) -> None:
    console = a_console(github=True)
    console.note(text)
    console.detail("ref", text)
    console.fail(text)
    lines = said(console).splitlines()
    assert len(lines) == 3
    assert said(console).isascii()
    assert "##[" not in said(console)
    assert [line.lstrip()[:2] == "::" for line in lines] == [False, False, True]


def test_a_long_text_is_cut() -> None:
    assert len(plain("x" * 100_000)) < MOST_CHARACTERS + 10


def test_the_mark_of_a_cut_is_three_dots() -> None:
    assert plain("FailedCreate: pods is forbidden (contain…") == "FailedCreate: pods is forbidden (contain..."


def test_the_data_of_a_command_is_escaped_as_the_runner_undoes_it() -> None:
    assert escape("50%\r\nnext%0A") == "50%25%0D%0Anext%250A"


def test_errors_are_annotations_only_for_the_runner() -> None:
    console, runner = a_console(), a_console(github=True)
    console.fail("100% wrong")
    runner.fail("100% wrong")
    assert said(console) == "krt notify: 100% wrong\n"
    assert said(runner) == "::error title=krt notify::100%25 wrong\n"


def test_a_secret_is_masked_for_the_runner_and_shown_to_nobody_else() -> None:
    console, runner = a_console(), a_console(github=True)
    console.mask("abc")
    runner.mask("abc")
    assert said(console) == ""
    assert said(runner) == "::add-mask::abc\n"


@given(st.dictionaries(st.text(), st.text()))
def test_json_says_the_same_without_being_a_command(document: dict[str, str]) -> None:
    line = to_json(document)
    assert json.loads(line) == document
    assert "##[" not in line
    assert "\n" not in line
    assert line.isascii()
