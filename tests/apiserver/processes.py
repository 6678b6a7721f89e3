"""Child processes that never outlive the test run, whether it ends, is interrupted or is killed.

Spawn from the main thread only: the kernel ends the child with the *thread* that made it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from tests.fakes.forked import Forked

# Not a preexec_fn: Python code between fork and exec may deadlock once Trio has worker threads.
# It asks for its death first and checks its parent then: a parent that dies in between is noticed too.
_LAUNCHER = """
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the test run is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


@asynccontextmanager
async def heard(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[trio.Process]:
    """A process with both its outputs in one pipe, killed at the end of the block."""
    run = await trio.lowlevel.open_process(
        list(command), env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert run.stdout is not None
    async with run.stdout:
        try:
            yield run
        finally:
            run.kill()
            with trio.CancelScope(shield=True):
                await run.wait()


# Go collects garbage four times as rarely as by default, unless a process has more memory: a fifth of the processor
# time of an API server's start is the collector's (1.6 s instead of 2.0 s).
_ENVIRONMENT = {"GOGC": "400", "GOMEMLIMIT": "800MiB"}


class Process:
    """One program that can be spawned again with the same arguments; its output goes to one file."""

    def __init__(self, program: Path, arguments: list[str], log: Path) -> None:
        self.name = program.name
        self._command = [str(program), *arguments]
        self._log = log
        self._popen: subprocess.Popen[bytes] | Forked | None = None

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} was never spawned"
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def ended_by_itself(self) -> bool:
        return self._popen is not None and self._popen.poll() not in (None, -signal.SIGKILL)

    def spawn(self) -> None:
        """Return at once. A process group of its own: Ctrl-C reaches only the test run, which stops it."""
        with self._log.open("ab") as log:
            self._popen = self._spawned(log.fileno())

    def _spawned(self, log: int) -> subprocess.Popen[bytes] | Forked:
        """Started, with this descriptor as its output and its errors."""
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
        return subprocess.Popen(
            launcher + self._command,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )

    def pause(self) -> None:
        self.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.send_signal(signal.SIGCONT)

    def send_signal(self, which: signal.Signals) -> None:
        """Nothing if the process has ended."""
        assert self._popen is not None, f"{self.name} was never spawned"
        self._popen.send_signal(which)

    async def kill(self) -> None:
        """SIGKILL, and return when the process is gone, its listening ports with it."""
        self.send_kill()
        await self.wait_exit()

    async def wait_exit(self) -> None:
        if isinstance(self._popen, Forked):
            await self._popen.wait_ended()
        if not self.running:
            return
        descriptor = os.pidfd_open(self.pid)
        try:
            await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)
        self.reap()

    def send_kill(self) -> None:
        if self.running:
            self.send_signal(signal.SIGKILL)

    def reap(self) -> None:
        if self._popen is not None:
            self._popen.wait()

    def last_output(self, lines: int = 30) -> str:
        with suppress(FileNotFoundError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])
        return ""
