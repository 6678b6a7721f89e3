"""Every lock names all that its packages need: nothing is left to be found while it is installed."""

import re

import pytest

from tests.deploy.installs import ROOT
from tests.deploy.locks import is_missing, locked, project_requirements, unlocked

PYTHONS = ("3.11", "3.12", "3.13")
ALL = "tests/requirements.lock"
LOCKS = {
    ALL: PYTHONS,
    "deploy/requirements.lock": ("3.13",),
    "deploy/action/requirements.lock": PYTHONS,
}
EACH = [(lock, python) for lock, pythons in LOCKS.items() for python in pythons]


@pytest.mark.parametrize(("lock", "python"), EACH)
def test_a_lock_names_all_that_its_packages_require(lock: str, python: str) -> None:
    packages = locked((ROOT / lock).read_text(), python)
    assert len(packages) > 10
    assert unlocked(packages, python) == []


@pytest.mark.parametrize("name", ["execnet", "sniffio", "cryptography", "wsproto", "pathspec"])
def test_a_package_that_a_lock_leaves_out_is_noticed(name: str) -> None:
    text = (ROOT / ALL).read_text()
    without = re.sub(rf"^{name}==.*\n(?: .*\n)+", "", text, flags=re.MULTILINE)
    assert text != without
    packages = locked(without, "3.13")
    of_krt = [str(each) for each in project_requirements("test") if is_missing(each, packages, "3.13")]
    assert any(name in line for line in [*unlocked(packages, "3.13"), *of_krt])


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_of_the_tests_has_what_krt_and_its_extras_ask_for(python: str) -> None:
    packages = locked((ROOT / ALL).read_text(), python)
    wanted = project_requirements("terminal", "completion", "dev", "test")
    assert [str(each) for each in wanted if is_missing(each, packages, python)] == []


def test_the_lock_of_the_image_has_what_krt_asks_for() -> None:
    packages = locked((ROOT / "deploy/requirements.lock").read_text(), "3.13")
    assert [str(each) for each in project_requirements() if is_missing(each, packages, "3.13")] == []


def test_every_lock_is_tried_here_or_is_the_one_that_builds() -> None:
    found = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("*/*.lock"), *ROOT.glob("*/*/*.lock")]}
    assert found == {*LOCKS, "deploy/build/requirements.lock"}


def test_what_builds_krt_is_the_same_in_both_locks_that_have_it() -> None:
    building = locked((ROOT / "deploy/build/requirements.lock").read_text(), "3.13")
    testing = locked((ROOT / ALL).read_text(), "3.13")
    for name in ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"):
        assert building[name] == testing[name]
