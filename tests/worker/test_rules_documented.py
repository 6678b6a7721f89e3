"""docs/correctness.md and the tests speak of the same rules and the same crash points."""

import re
from pathlib import Path

from tests.worker.test_crash_points import POINTS

HERE = Path(__file__).parent
DOCUMENT = (HERE.parent.parent / "docs" / "correctness.md").read_text()


def test_every_rule_has_a_test_and_every_test_of_a_rule_is_of_one_that_is_written_down():
    documented = set(re.findall(r"^\| ([JCIR]\d) \|", DOCUMENT, re.MULTILINE))
    tested = {
        rule for file in HERE.glob("test_rules_*.py") for rule in re.findall(r"def test_([JCIR]\d)_", file.read_text())
    }
    assert documented == tested
    assert len(documented) == 5 + 7 + 4 + 6


def test_every_test_of_a_rule_says_how_it_was_seen_to_fail():
    for file in HERE.glob("test_rules_*.py"):
        for name, docstring in re.findall(
            r'def (test_[JCIR]\d_\w+)\(.*?\).*?:\n    """(.*?)"""', file.read_text(), re.DOTALL
        ):
            assert "een to fail" in docstring, name


def test_the_document_has_a_row_for_each_crash_point():
    rows = re.findall(r"^\| worker, (.*?) \|", DOCUMENT, re.MULTILINE)
    assert len(rows) == 8
    assert {call for _, _, call in POINTS} == {"read_new", "record", "position", "restart", "settle"}
