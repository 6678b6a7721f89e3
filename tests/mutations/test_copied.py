"""Only a failure of the test itself counts as red: not a hang, a failing fixture, or a krt that cannot be imported."""

from collections.abc import Iterator

import pytest

from tests.mutations.copied import ROOT, Copy
from tests.mutations.mutation import Mutation

pytestmark = pytest.mark.slow

_TESTS = """
import time

import pytest
import trio

from krt.core.announce.event_id import EventId, parse


def test_green():
    assert parse("1-2") == EventId(1, 2)


async def test_of_trio():
    await trio.lowlevel.checkpoint()
    assert parse("1-2") == EventId(1, 2)


def test_hangs():
    if parse("1-2") != EventId(1, 2):
        time.sleep(600)


@pytest.fixture
def broken():
    assert parse("1-2") == EventId(1, 2)


def test_with_a_broken_fixture(broken):
    pass
"""
_WRONG = "EventId(int(found[2]), int(found[1]))"
_RIGHT = "EventId(int(found[1]), int(found[2]))"


@pytest.fixture(scope="module")
def tests(copy: Copy) -> Iterator[str]:
    """Write a file of tests into the copy."""
    path = copy.root / "tests" / "core" / "test_of_mutations.py"
    path.write_text(_TESTS)
    yield "core/test_of_mutations.py"
    path.unlink()


def mutation(test: str, text: str = _RIGHT, replacement: str = _WRONG) -> Mutation:
    return Mutation(test, "core/announce/event_id.py", text, replacement)


@pytest.mark.parametrize("test", ["test_green", "test_of_trio"])
def test_a_test_that_notices_is_red_and_green_again_afterwards(copy: Copy, tests: str, test: str) -> None:
    name = f"{tests}::{test}"
    assert copy.run(name).is_green
    with mutation(name).applied(copy.root):
        ended = copy.run(name)
        assert (ended.is_red, ended.is_green) == (True, False)
        assert ended.failed == [f"call of tests/{name}"]
        assert ended.krt == str(copy.root / "krt" / "__init__.py")
    assert copy.run(name).is_green


def test_a_mutation_that_nobody_notices_is_green(copy: Copy, tests: str) -> None:
    with mutation(f"{tests}::test_green", "_MOST = 2**64 - 1", "_MOST = 2**63 - 1").applied(copy.root):
        assert copy.run(f"{tests}::test_green").is_green


@pytest.mark.parametrize(
    ("test", "text", "replacement"),
    [
        ("test_hangs", _RIGHT, _WRONG),
        ("test_with_a_broken_fixture", _RIGHT, _WRONG),
        ("test_green", "class EventId(NamedTuple):", "class EventId(Nothing):"),
        ("test_of_another_name", _RIGHT, _WRONG),
    ],
    ids=["hangs", "fixture", "no-import", "no-test"],
)
def test_what_fails_otherwise_is_neither(copy: Copy, tests: str, test: str, text: str, replacement: str) -> None:
    with mutation(f"{tests}::{test}", text, replacement).applied(copy.root):
        ended = copy.run(f"{tests}::{test}", seconds=3 if test == "test_hangs" else 60)
    assert (ended.is_red, ended.is_green) == (False, False), ended


@pytest.mark.parametrize("text", ["EventId", "what stands nowhere"])
def test_a_text_stands_once_or_the_mutation_is_none(copy: Copy, text: str) -> None:
    with pytest.raises(AssertionError, match="times"), mutation("x", text).applied(copy.root):
        pytest.fail("it was applied")


def test_the_working_tree_is_never_touched(copy: Copy) -> None:
    own, copied = ROOT / "krt/core/announce/event_id.py", copy.root / "krt/core/announce/event_id.py"
    before = own.read_bytes()
    with mutation("x").applied(copy.root):
        assert copied.read_bytes() != before
        assert own.read_bytes() == before
    assert copied.read_bytes() == before
    assert not copied.samefile(own)
