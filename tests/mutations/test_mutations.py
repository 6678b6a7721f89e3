"""Every mutation fits the present code, and the test that it names fails with it."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.mutations.copied import ROOT, Copy, brief_patience_seconds
from tests.mutations.every import EVERY
from tests.mutations.mutation import Mutation


@cache
def docstrings(file: Path) -> dict[str, str]:
    """The docstrings of a test file's functions, by function name."""
    functions = [node for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, _FUNCTIONS)]
    return {function.name: ast.get_docstring(function) or "" for function in functions}


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def problem(mutation: Mutation) -> str | None:
    """One sentence if the mutation does not fit code and tests; else None."""
    path = ROOT / mutation.krt_file
    if not path.is_file():
        return f"there is no {mutation.krt_file}"
    if (times := path.read_text().count(mutation.text)) != 1:
        return f"this stands {times} times in {mutation.krt_file}, not once:\n{mutation.text}"
    said = docstrings(mutation.test_file).get(mutation.function)
    if said is None:
        return f"{mutation.test_file} has no {mutation.function}"
    return None if "een to fail" in said else f"the docstring of {mutation.function} does not say what it fails with"


def test_each_names_a_text_that_stands_once_and_a_test_that_says_so() -> None:
    """If the code changes, its mutation must change too: `tests/mutations/__init__.py` says how."""
    problems = [f"{mutation}: {said}" for mutation in EVERY if (said := problem(mutation))]
    assert not problems, "\n".join(problems)


def test_each_replacement_names_only_what_is_there(tmp_path: Path) -> None:
    """Any test fails with a name that does not exist, and that says nothing about the rule.

    Seen to fail with two rows whose names krt had changed since.
    """
    for number, mutation in enumerate(EVERY):
        text = (ROOT / mutation.krt_file).read_text().replace(mutation.text, mutation.replacement)
        (tmp_path / f"{number}_{mutation.krt_file.name}").write_text(text)
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select=F821",
        "--output-format=concise",
    ]
    done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len(EVERY) >= 200
    assert len({(each.test, each.file, each.text, each.replacement) for each in EVERY}) == len(EVERY)


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted({str(each.test_file.relative_to("tests")) for each in EVERY}))
def test_without_a_mutation_its_test_is_green(copy: Copy, file: str) -> None:
    """If the test failed here anyway, a failure with the mutation would mean nothing. All cases run where it stands."""
    tests = sorted({each.test for each in EVERY if each.test.startswith(f"{file}::")})
    ended = copy.run(*tests, seconds=600, is_brief=True)
    assert ended.is_green, ended


@pytest.mark.slow
@pytest.mark.parametrize("mutation", EVERY, ids=str)
def test_with_the_rule_taken_out_its_test_is_red(copy: Copy, mutation: Mutation) -> None:
    with mutation.applied(copy.root):
        ended = copy.run(mutation.test, patience_seconds=brief_patience_seconds())
    assert ended.is_red, f"{'SURVIVED' if ended.is_green else 'not red by itself'}: {ended}"
