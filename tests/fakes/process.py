"""Runs krt in a process of its own, and gives its log, its output and its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM, Signals

import trio
from trio.abc import ReceiveStream
from trio.lowlevel import FdStream

from tests.fakes.forked import ROOT, Forked, forked
from tests.fakes.pace import PATIENCE_SECONDS


class Process:
    """A running process. `log` holds its JSON log lines, `err` and `out` everything that it wrote."""

    def __init__(self, process: trio.Process | Forked) -> None:
        self._process = process
        self._written = trio.Condition()
        self._readers = 2
        self.out = ""
        self.err = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith('{"time"')]

    def said(self, event: str) -> list[dict[str, object]]:
        """The log lines with this event name."""
        return [line for line in self.log if line["event"] == event]

    async def wait_said(
        self, event: str, *, times: int = 1, within_seconds: float = PATIENCE_SECONDS
    ) -> dict[str, object]:
        """Wait for `count` lines with this event name, and return the last of them."""
        with trio.move_on_after(within_seconds):
            async with self._written:
                while len(self.said(event)) < times:
                    await self._written.wait()
            return self.said(event)[times - 1]
        raise AssertionError(f"{event} was not said {times} times:\n{self.out}\n{self.err}")

    def signal(self, which: Signals) -> None:
        self._process.send_signal(which)

    async def ended(self, *, within_seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code, once the process has ended and all its output was read."""
        with trio.fail_after(within_seconds):
            async with self._written:
                while self._readers:
                    await self._written.wait()
            return await self.wait()

    async def wait(self) -> int:
        """The exit code, once the process has ended."""
        return await (self._process.wait_ended() if isinstance(self._process, Forked) else self._process.wait())

    async def stopped(self, which: Signals = SIGTERM) -> tuple[int, float]:
        """Send the signal. Returns the exit code, and the seconds until the end."""
        began = trio.current_time()
        self.signal(which)
        return await self.ended(), trio.current_time() - began

    async def read(self, stream: ReceiveStream, name: str) -> None:
        async for chunk in stream:
            setattr(self, name, getattr(self, name) + chunk.decode(errors="replace"))
            async with self._written:
                self._written.notify_all()
        self._readers -= 1
        async with self._written:
            self._written.notify_all()


@asynccontextmanager
async def process(*words: str, environ: Mapping[str, str] = {}, files: int | None = None) -> AsyncIterator[Process]:
    """Run `krt WORDS` until the end of the block, and kill it there if it still runs. `files` is its `ulimit -n`."""
    if files is not None:
        async with program("-m", "krt", *words, environ=environ, files=files) as running:
            yield running
        return
    (out, outs), (err, errs) = os.pipe(), os.pipe()
    try:
        started = forked(words, _environ(environ), folder=Path.cwd(), out=outs, err=errs)
    finally:
        os.close(outs)
        os.close(errs)
    async with _read(started, FdStream(out), FdStream(err)) as running:
        yield running


@asynccontextmanager
async def program(*words: str, environ: Mapping[str, str] = {}, files: int | None = None) -> AsyncIterator[Process]:
    """Run Python with these arguments, as `process` does, and from Python's own start on."""
    started = await trio.lowlevel.open_process(
        [*_limiting(files), sys.executable, *words],
        env=_environ(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stderr is not None
    async with _read(started, started.stdout, started.stderr) as running:
        yield running


@asynccontextmanager
async def _read(started: trio.Process | Forked, out: ReceiveStream, err: ReceiveStream) -> AsyncIterator[Process]:
    async with out, err, trio.open_nursery() as nursery:
        running = Process(started)
        try:
            nursery.start_soon(running.read, out, "out")
            nursery.start_soon(running.read, err, "err")
            yield running
        finally:
            if started.returncode is None:
                started.kill()
            with trio.CancelScope(shield=True):
                await running.wait()
        nursery.cancel_scope.deadline = trio.current_time() + 1  # a child that it left behind may hold the pipes open


def _limiting(files: int | None) -> list[str]:
    return [] if files is None else ["/bin/sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]


async def finished(*words: str, environ: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """Run `krt WORDS` to its end."""
    return await _run([sys.executable, "-m", "krt", *words], environ)


async def pasted(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell with an almost empty environment."""
    return await _run(["/bin/sh", "-c", line], {})


async def _run(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(
            command, env=_environ(environ), capture_stdout=True, capture_stderr=True, check=False
        )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def _environ(own: Mapping[str, str]) -> dict[str, str]:
    """The environment: the variables that are needed to find programs, the path of this krt, and `own`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **own}


def children(pid: int) -> list[int]:
    """The children of this process that still run (Linux)."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def is_running(pid: int) -> bool:
    """Whether the process runs; a zombie does not count (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
