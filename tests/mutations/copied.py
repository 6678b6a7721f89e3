"""A copy of the repository, and the process that runs tests in it. The working tree is never changed."""

import compileall
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from tests.fakes.pace import pace

ROOT = Path(__file__).parents[2]
SECONDS = 120.0  # a hundred times what a test here takes on an idle machine
PATIENCE_SECONDS = SECONDS / 4  # of a test that shall be green, and waits that long only on a very slow machine
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis", "*.egg-info", "__pycache__")


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a run. `code` is pytest's exit code, None if the run was cut; `failed` names test and phase."""

    code: int | None
    failed: Sequence[str]
    krt: str | None  # the file imported as `krt`
    output: str

    @property
    def is_green(self) -> bool:
        return self.code == 0

    @property
    def is_red(self) -> bool:
        """Whether the test itself failed, by an assertion or an error."""
        return self.code == 1 and any(each.startswith("call of ") for each in self.failed)

    def __str__(self) -> str:
        how = "was cut: it hangs" if self.code is None else f"ended with {self.code}"
        return f"pytest {how}, failed: {', '.join(self.failed) or 'nothing'}\n{self.output}"


class Copy:
    """The repository as it is now, at `root`."""

    def __init__(self, root: Path, server: "subprocess.Popen[str]") -> None:
        self.root = root
        self._server = server

    def run(
        self, *tests: str, seconds: float = SECONDS, patience_seconds: float = PATIENCE_SECONDS, is_brief: bool = False
    ) -> Ended:
        """Run these tests in one process. Each waits at most `patience_seconds` for something that must happen.

        If `is_brief`, a test that is a table has its first and its last case run.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        paths = [f"tests/{test}" for test in tests]
        asked = {"tests": paths, "seconds": seconds, "patience_seconds": patience_seconds, "is_brief": is_brief}
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        ended = Ended(**json.loads(self._server.stdout.readline()))
        assert ended.krt is None or ended.krt.startswith(str(self.root)), ended
        return ended


def brief_patience_seconds() -> float:
    """How long a test waits in vain for an effect that its mutation prevents: short, but longer than the rule needs."""
    return min(PATIENCE_SECONDS, 5.0 * pace())


@contextmanager
def copied(folder: Path) -> Iterator[Copy]:
    """Make a copy until the end of the block.

    Its bytecode is written once, with the hash of each source: a mutated file no longer fits and is compiled when it is
    imported. No run writes bytecode, which would go by time and size, and two mutants may have these in common.
    """
    root = folder / "repository"
    shutil.copytree(ROOT, root, ignore=_LEFT_OUT, symlinks=True)
    for package in ("krt", "tests"):
        compileall.compile_dir(root / package, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    environ = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    environ.pop("PYTEST_ADDOPTS", None)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mutations.server"],
        cwd=root,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield Copy(root, server)
        finally:
            assert server.stdin is not None
            server.stdin.close()
