"""`krt all --dev` as a process of its own: what it prints and logs, and the line it prints, run as if pasted."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import trio
from trio_util import AsyncValue

from tests.fakes.pace import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
KRT = [sys.executable, "-m", "krt"]


class DaemonError(Exception):
    """It ended by itself, or did not do in time what was waited for; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the log."""

    event: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """When it was logged."""
        return datetime.fromisoformat(self.fields["time"]).timestamp()


class Krt:
    """Open it with `open_krt`. `said` is its log so far, `unread` what is none: warnings of Python, a traceback."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self.said: list[Said] = []
        self.unread: list[str] = []
        self._lines = AsyncValue(0)
        self._job_environ: dict[str, str] = {}

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    async def notify(self, image: str = "ghcr.io/acme/shop", tag: str = "dev") -> None:
        """As a job does, with the variables of the printed line. Raises DaemonError unless it was accepted."""
        code, said = await self.notify_and_hear(image, tag)
        if code:
            raise DaemonError(f"krt notify ended with {code}: {said}\n{self.log}")

    async def notify_and_hear(self, image: str, tag: str, *flags: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and what --json prints: with --wait the report."""
        done = await trio.run_process(
            [*KRT, "notify", image, "--tags", tag, "--json", *flags],
            env=_environ() | self._job_environ,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert done.stdout, done.stderr.decode()
        return done.returncode, json.loads(done.stdout)

    async def wait(self, event: str, count: int = 1, *, seconds: float = PATIENCE_SECONDS, **fields: Any) -> list[Said]:
        """Return when so many lines of that event were logged, the past ones included. Raises DaemonError.

        `event` may be a pattern.
        """
        with trio.move_on_after(seconds):
            await self._lines.wait_value(lambda _: len(self.all(event, **fields)) >= count or not self.running)
        found = self.all(event, **fields)
        if len(found) < count:
            raise DaemonError(f"{event} was logged {len(found)} times instead of {count}\n{self.log}")
        return found

    def all(self, event: str, **fields: Any) -> list[Said]:
        """The lines of that event, or of all that the pattern fits, with these fields among theirs."""
        return [said for said in self.said if re.fullmatch(event, said.event) and _has(said, fields)]

    @property
    def log(self) -> str:
        """For messages of failed tests."""
        lines = [f"{said.event} {said.fields}" for said in self.said]
        return "\n".join([*lines, *self.unread, f"exit code: {self._process.poll()}"])

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE_SECONDS):
            return await self._process.wait()

    async def read_log(self) -> None:
        assert self._process.stderr is not None
        async for line in _lines(self._process.stderr):
            try:
                fields = json.loads(line)
                self.said.append(Said(fields.pop("event"), fields))
            except ValueError:
                self.unread.append(line)
            self._lines.value += 1
        self._lines.value += 1

    async def read_greeting(self, *, task_status: trio.TaskStatus[None]) -> None:
        assert self._process.stdout is not None
        async for line in _lines(self._process.stdout):
            if line.startswith("KRT_URL="):
                self._job_environ = dict(
                    word.split("=", 1) for word in shlex.split(line) if word.split("=")[0].isupper()
                )
                task_status.started()


@asynccontextmanager
async def open_krt(kubeconfig: Path, *flags: str) -> AsyncIterator[Krt]:
    """Listening when the body begins, ready or not; at its end it is told to stop, and has to do it well."""
    command = [*KRT, "all", "--dev", "--kubeconfig", str(kubeconfig)]
    listen = ["--listen-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]
    process = await trio.lowlevel.open_process(
        [*command, *listen, *flags], env=_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    krt = Krt(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(krt.read_log)
            with trio.fail_after(PATIENCE_SECONDS):
                await nursery.start(krt.read_greeting)
            yield krt
            assert krt.running, krt.log
            assert await krt.stop() == 0, krt.log
        assert krt.unread == []
    finally:
        await _end(process)


async def _end(process: trio.Process) -> None:
    process.kill()
    with trio.CancelScope(shield=True):
        await process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                await stream.aclose()


def _has(said: Said, fields: dict[str, Any]) -> bool:
    return all(said.fields.get(name) == value for name, value in fields.items())


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[str]:
    kept = b""
    async for chunk in stream:
        *whole, kept = (kept + bytes(chunk)).split(b"\n")
        for line in whole:
            yield line.decode()


def _environ() -> dict[str, str]:
    """Nothing of the caller's that krt would read."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
