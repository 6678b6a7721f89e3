"""Starts krt as a fork of a process that has imported it already (tests/fakes/fork_server.py).

Nine tenths of the processor time of a short command are Python's imports, and the tests start krt some hundred times.
Where the start itself is what is tested, `subprocess` starts krt, and where a process gets another code or PYTHONPATH.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import trio

ROOT = Path(__file__).parents[2]


class Forked:
    """A running krt, with the part of subprocess.Popen that the tests use."""

    def __init__(self, pid: int, pidfd: int, report: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd, self._report = pidfd, report

    def poll(self) -> int | None:
        """The exit code, or minus the signal that ended it; None if it runs."""
        self._look(0)
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        """The same, once it has ended. Raises TimeoutError."""
        self._look(seconds)
        if self.returncode is None:
            raise TimeoutError(f"krt has not ended within {seconds} s")
        return self.returncode

    async def wait_ended(self) -> int:
        """As `wait`, for Trio."""
        if self.returncode is None:
            # Its own descriptor: several may wait, and one of them closes `_report`.
            report = os.dup(self._report)
            try:
                await trio.lowlevel.wait_readable(report)
            finally:
                os.close(report)
        return self.wait()

    def send_signal(self, which: int) -> None:
        """Nothing if it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, which)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> None:
        if self.returncode is not None:
            return
        report = select.poll()  # not `select.select`, which knows 1,024 descriptors
        report.register(self._report, select.POLLIN)
        if not report.poll(None if seconds is None else 1000 * seconds):
            return
        said = os.read(self._report, 100)
        if not said:  # the server is gone, and the fork goes with it
            gone = select.poll()
            gone.register(self._pidfd, select.POLLIN)
            gone.poll()
        self.returncode = int(said) if said else -signal.SIGKILL
        os.close(self._report)
        os.close(self._pidfd)


def forked(words: Sequence[str], environ: Mapping[str, str], *, folder: Path, out: int, err: int) -> Forked:
    """Start `krt WORDS` in this folder with these descriptors as its output and its errors, and nothing to read."""
    told = json.dumps({"words": list(words), "environ": dict(environ), "folder": str(folder)})
    server = _server()
    report, reports = os.pipe()
    try:
        with Path(os.devnull).open() as nothing:
            socket.send_fds(server, [told.encode()], [nothing.fileno(), out, err, reports])
        said, [pidfd], _, _ = socket.recv_fds(server, 1000, 1)
    except (OSError, ValueError) as error:  # ValueError: its end of the socket is closed, so nothing came
        os.close(report)
        raise AssertionError("the fork server has ended; what it said stands above") from error
    finally:
        os.close(reports)
    return Forked(json.loads(said)["pid"], pidfd, report)


@cache
def _server() -> socket.socket:
    """One for this process, until its end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.fakes.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,
        )
    atexit.register(_end, server, ours)
    return ours


def _end(server: subprocess.Popen[bytes], asked: socket.socket) -> None:
    asked.close()
    server.wait()
