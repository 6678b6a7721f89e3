"""docs/architecture.md draws the packages and the way of an event as pyproject.toml and the imports have them."""

import ast
import re
import tomllib
from functools import cache
from itertools import pairwise

import pytest

from tests.pages import ROOT, modules_in

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def drawn(heading: str) -> list[str]:
    """The diagrams below a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def layers(text: str, separator: str) -> list[set[str]]:
    """A set of names for each line, from the top down; whatever follows two spaces explains them."""
    return [{name.strip() for name in line.partition("  ")[0].split(separator)} for line in text.splitlines()]


def contract(name: str) -> list[set[str]]:
    [found] = (each["layers"] for each in CONTRACTS if each["name"].startswith(name))
    return layers("\n".join(found).replace("krt.", ""), "|")


@pytest.mark.parametrize(
    ("number", "name", "folder"), [(0, "Who may know whom", "krt"), (1, "The core's folders", "krt/core")]
)
def test_the_packages_are_drawn_as_import_linter_has_them_and_none_is_missing(
    number: int, name: str, folder: str
) -> None:
    """Seen to fail with `backoff` drawn a line lower, with `proxies` left out, and with a package more."""
    packages = layers(drawn("The packages")[number], " · ")
    assert packages == contract(name)
    assert set.union(*packages) == modules_in(ROOT / folder)


def test_every_package_has_its_responsibility_in_the_table() -> None:
    packages = {path.parent.name for path in (ROOT / "krt").glob("*/__init__.py")}
    described = set(re.findall(r"^\| `krt/(\w+)` \|", PAGE, re.MULTILINE))
    assert described == packages - {"cli", "daemon", "settings", "metrics"}  # the diagram says it all


def arrows() -> list[tuple[str, str, str]]:
    """Each arrow of the way of an event: module, arrow, module."""
    found = []
    for line in drawn("The way of an event")[0].splitlines():
        chain = re.split(r" ([→←⇢]) ", line[13:].partition("  ")[0])
        steps = chain[::2]
        found += [(left, arrow, right) for (left, right), arrow in zip(pairwise(steps), chain[1::2], strict=True)]
    return found


@cache
def imported_by(module: str) -> frozenset[str]:
    """Every name of krt's that a module's own lines import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "krt" / f"{module.replace('.', '/')}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("krt"):
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(name.removeprefix("krt.") for name in names)


def packages_of(modules: frozenset[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_there_is_a_way() -> None:
    assert len(arrows()) > 15
    assert {arrow for _, arrow, _ in arrows()} == set("→←⇢")


@pytest.mark.parametrize(("left", "arrow", "right"), arrows())
def test_every_arrow_of_the_way_is_an_import_or_handed_over_by_the_daemon(left: str, arrow: str, right: str) -> None:
    """Seen to fail with `web.call → broker.accept`, with `worker.take ⇢ worker.waiting`, and with a module renamed."""
    if arrow == "←":
        left, right = right, left
    if arrow != "⇢":
        assert right in imported_by(left)
        return
    both = {left.partition(".")[0], right.partition(".")[0]}
    daemon = [imported_by(f"daemon.{part}") for part in modules_in(ROOT / "krt" / "daemon")]
    assert imported_by(right) is not None
    assert right.partition(".")[0] not in packages_of(imported_by(left)) - {left.partition(".")[0]}
    assert len(both) == 2
    assert any(both <= packages_of(names) for names in daemon)
