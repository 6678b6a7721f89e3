"""Every module of krt can be imported by itself, on each Python, without a warning; no test is a library of others."""

import ast
import pkgutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from token import NAME

import pytest

import krt

MODULES = sorted(module.name for module in pkgutil.walk_packages(krt.__path__, "krt.") if module.name != "krt.__main__")

TESTS = Path(__file__).parent
SOURCES = sorted((TESTS.parent / "krt").rglob("*.py"))


def test_there_are_modules() -> None:
    assert {"krt.cli.main", "krt.daemon.root", "krt.serving.http", "krt.worker.follow"} <= set(MODULES)


@pytest.mark.parametrize("package", sorted({name.split(".")[1] for name in MODULES}))
def test_the_modules_of_a_package_can_be_imported(package: str) -> None:
    """In a process of its own: here most are imported already, and a circle of imports would not show."""
    of_it = [name for name in MODULES if name.split(".")[1] == package]
    lines = "\n".join(f"import {name}" for name in of_it)
    done = subprocess.run([sys.executable, "-W", "error", "-c", lines], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_of_the_tests_imports_from_a_test_module() -> None:
    """What several share is a module without tests: tests/oidc/hostile.py, tests/settings/environments.py."""
    imports = [(file, name) for file in TESTS.rglob("*.py") for name in _imported(ast.parse(file.read_text()))]
    assert [(str(file), name) for file, name in imports if ".test_" in name] == []
    assert (TESTS / "cli" / "test_main.py", "tests.settings.environments.WEB") in imports


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_two_packages_have_a_public_class_of_one_name() -> None:
    """Editors, tracebacks and searches show the last part of a name only. Names of types count, too.

    Seen to fail with `Answer` for a reply of Valkey, which is a class of krt.client.
    """
    places: dict[str, set[str]] = {}
    for file in SOURCES:
        package = str(file.parent.relative_to(TESTS.parent))
        for name in _types_of(ast.parse(file.read_text())):
            places.setdefault(name, set()).add(package)
    assert {"ReplyOrError", "Route"} <= places.keys()
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def _types_of(module: ast.Module) -> Iterator[str]:
    """The public classes, and the public names of types: `Headers = Iterable[bytes]`."""
    for node in module.body:
        match node:
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if name[0].isupper() and not name.isupper():
                    yield name


def test_nothing_is_named_told() -> None:
    """The word meant nine things: settings, a callback, a list of verdicts. Seen to fail with `told: Conceal`."""
    assert [(str(file), line) for file in SOURCES for line in _lines_that_name_told(file)] == []


def _lines_that_name_told(file: Path) -> Iterator[int]:
    with file.open("rb") as source:
        tokens = tokenize.tokenize(source.readline)
        yield from (each.start[0] for each in tokens if each.type == NAME and each.string.strip("_").lower() == "told")
