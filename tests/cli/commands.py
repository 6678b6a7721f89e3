"""Runs of krt as a process of its own: what it prints and how it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO

from tests.fakes.pace import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str


@contextmanager
def a_process(
    argv: Sequence[str], environ: Mapping[str, str], *, stdout: int | IO[bytes] = subprocess.PIPE
) -> "Iterator[subprocess.Popen[str]]":
    """krt, started; nothing of this process' environment reaches it but the path. It lives half a minute at most."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "krt", *argv],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = Timer(PATIENCE_SECONDS, process.kill)
    timer.start()
    with process:
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def run(*argv: str, environ: Mapping[str, str] | None = None) -> Ended:
    """krt, to its end."""
    with a_process(argv, environ or {}) as process:
        out, err = process.communicate()
        return Ended(process.returncode, out, err)
