"""krt's roles as processes of their own, as an operator has them: what they log, hold and use."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import trio

from krt.serving.address import Address, parse_address
from tests.bench.figures import cpu_seconds, resident_megabytes

_LOOK_SECONDS = 0.02


class Program:
    """One process that logs lines of JSON."""

    def __init__(self, popen: "subprocess.Popen[bytes]", log: Path) -> None:
        self._popen = popen
        self._log = log
        self._read = 0
        self.said: list[dict[str, Any]] = []

    @property
    def pid(self) -> int:
        return self._popen.pid

    def memory(self) -> tuple[float, float]:
        """Megabytes: now, and at most."""
        return resident_megabytes(self.pid)

    def cpu(self) -> float:
        """Seconds so far."""
        return cpu_seconds(self.pid)

    def all(self, event: str) -> list[dict[str, Any]]:
        """The lines of that event so far."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            whole, _, _ = log.read().rpartition(b"\n")
        if whole:
            self._read += len(whole) + 1
            self.said += [json.loads(line) for line in whole.split(b"\n") if line.startswith(b"{")]
        return [line for line in self.said if line["event"] == event]

    async def wait(self, event: str, count: int = 1, *, seconds: float = 120) -> dict[str, Any]:
        """The last of so many lines."""
        with trio.fail_after(seconds):
            while len(found := self.all(event)) < count:
                assert self._popen.poll() is None, self._log.read_text()[-3000:]
                await trio.sleep(_LOOK_SECONDS)
        return found[count - 1]

    async def address(self, of: str = "web_at") -> Address:
        return parse_address((await self.wait("started"))[of][0])

    def stop(self) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def seconds_of(line: Mapping[str, Any]) -> float:
    """When it was logged, since the epoch."""
    return datetime.fromisoformat(line["time"]).timestamp()


@asynccontextmanager
async def program(folder: Path, *words: str, environ: Mapping[str, str]) -> AsyncIterator[Program]:
    """`python -m WORDS` until the end of the block."""
    running = _spawn(folder, words, environ)
    try:
        yield running
    finally:
        running.stop()


def _spawn(folder: Path, words: tuple[str, ...], environ: Mapping[str, str]) -> Program:
    log = folder / f"{len(list(folder.glob('*.log')))}-{words[-1]}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Program(popen, log)
