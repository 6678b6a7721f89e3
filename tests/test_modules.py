"""Every module of krt can be imported by itself, on each Python, without a warning."""

import pkgutil
import subprocess
import sys

import pytest

import krt

MODULES = sorted(module.name for module in pkgutil.walk_packages(krt.__path__, "krt.") if module.name != "krt.__main__")


def test_there_are_modules() -> None:
    assert {"krt.cli.main", "krt.daemon.root", "krt.serving.http", "krt.worker.follow"} <= set(MODULES)


@pytest.mark.parametrize("package", sorted({name.split(".")[1] for name in MODULES}))
def test_the_modules_of_a_package_can_be_imported(package: str) -> None:
    """In a process of its own: here most are imported already, and a circle of imports would not show."""
    of_it = [name for name in MODULES if name.split(".")[1] == package]
    lines = "\n".join(f"import {name}" for name in of_it)
    done = subprocess.run([sys.executable, "-W", "error", "-c", lines], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
