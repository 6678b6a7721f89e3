"""`python -m tests.mutations.server`, started in a copy of the repository, runs each test in a fork of this process.

For each line of JSON on standard input (`tests`, `seconds`, `patience_seconds`, `is_brief`) it prints one line (`code`,
`failed`, `krt`, `output`). If `is_brief`, it runs two cases of each test that is a table. It imports the libraries of
krt and of the tests, so that a fork has them already, but neither krt nor a test.
"""

import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from typing import Any

import pytest

# Only these plugins of pytest are loaded: a test here needs no other, and each costs a fork time.
_PLUGINS = ("_hypothesis_pytestplugin", "pytest_trio.plugin")
_HEAVY = (
    *_PLUGINS,
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "h11",
    "httpcore",
    "httpx",
    "hypercorn",
    "hypothesis.strategies",
    "jwt",
    "libvalkey",
    "msgspec",
    "prometheus_client",
    "quart",
    "quart_trio",
    "trio.testing",
    "trio_util",
    "trustme",
    "valkey.exceptions",
    "yaml",
)
_LOOK_SECONDS = 0.01
_MOST_OUTPUT = 4000


def _find_no_plugins(_manager: pytest.PytestPluginManager, _group: str, **_: object) -> int:
    """In place of pytest's search, which reads the metadata of every installed package for each plugin of conftest.py.

    The search is a tenth of a run's processor time, and finds no plugin.
    """
    return 0


class FirstAndLast:
    """A pytest plugin that runs two cases of a table, not hundreds: those of one test succeed alike, or fail alike."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        tables: dict[str, list[pytest.Item]] = {}
        for item in items:
            tables.setdefault(item.nodeid.partition("[")[0], []).append(item)
        items[:] = [case for cases in tables.values() for case in dict.fromkeys((cases[0], cases[-1]))]


class Verdict:
    """A pytest plugin that notes which tests failed, and in which phase."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(f"{report.when} of {report.nodeid}")


def _run(tests: list[str], output: int, *, is_brief: bool) -> dict[str, Any]:
    """Run the tests in the forked child. Its standard output and error go to the file `output`."""
    os.setsid()  # so that its own children can be killed with it
    for stream in (1, 2):
        os.dup2(output, stream)
    verdict = Verdict()
    options = ["-q", "-x", "-m", "", "--assert=plain", "-p", "no:cacheprovider", "--disable-plugin-autoload"]
    plugins = [verdict, *map(importlib.import_module, _PLUGINS), *([FirstAndLast()] if is_brief else [])]
    code = pytest.main([*options, "-W", "ignore::pytest.PytestAssertRewriteWarning", *tests], plugins=plugins)
    krt = sys.modules.get("krt")
    return {"code": int(code), "failed": verdict.failed, "krt": krt and krt.__file__}


def _forked(tests: list[str], seconds: float, patience_seconds: float, *, is_brief: bool) -> dict[str, Any]:
    """Run the tests in a fork. `code` is None if the run had to be cut."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if not child:
            os.environ["KRT_TEST_PATIENCE"] = str(patience_seconds)  # read when tests/fakes/pace.py is imported
            said = json.dumps(_run(tests, output.fileno(), is_brief=is_brief)).encode()
            os.write(writing, said)
            os._exit(0)
        os.close(writing)
        in_time = _ended(child, seconds)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read() if in_time else b""
        output.seek(0)
        text = output.read().decode(errors="replace")[-_MOST_OUTPUT:]
    code = None if not in_time else -1
    return {"code": code, "failed": [], "krt": None, **json.loads(said or b"{}"), "output": text}


def _ended(child: int, seconds: float) -> bool:
    """Whether the child ended in time. If not, it is killed, with all its children."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return True
        time.sleep(_LOOK_SECONDS)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _serve() -> None:
    pytest.PytestPluginManager.load_setuptools_entrypoints = _find_no_plugins  # type: ignore[method-assign,assignment]
    for name in _HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_forked(**json.loads(line))), flush=True)


if __name__ == "__main__":
    _serve()
