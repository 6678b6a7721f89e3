"""docs/correctness.md and the tests speak of the same rules and the same crash points."""

import ast
import re
from pathlib import Path
from typing import TypeGuard

from tests.worker.crash_points import POINTS

HERE = Path(__file__).parent
FILES = [file for file in HERE.parent.rglob("test_*.py") if file.name != Path(__file__).name]
DOCUMENT = (HERE.parent.parent / "docs" / "correctness.md").read_text()


def test_every_rule_has_a_test_and_every_test_of_a_rule_is_of_one_that_is_written_down():
    documented = set(re.findall(r"^\| ([JCIRT]\d) \|", DOCUMENT, re.MULTILINE))
    tested = {rule for file in FILES for rule in re.findall(r"def test_([JCIRT]\d)_", file.read_text())}
    assert documented == tested
    assert len(documented) == 5 + 7 + 4 + 6 + 4


def test_every_test_of_a_rule_says_how_it_was_seen_to_fail():
    tests = [node for file in FILES for node in ast.walk(ast.parse(file.read_text())) if _is_of_a_rule(node)]
    assert [test.name for test in tests if "een to fail" not in (ast.get_docstring(test) or "")] == []


def _is_of_a_rule(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return is_function and re.match(r"test_[JCIRT]\d_", node.name) is not None


def test_the_document_has_a_row_for_each_crash_point():
    rows = re.findall(r"^\| worker, (.*?) \|", DOCUMENT, re.MULTILINE)
    assert len(rows) == 8
    assert {call for _, _, call in POINTS} == {"read_new", "record", "position", "restart", "settle"}
