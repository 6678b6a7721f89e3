"""`python -m tests.fakes.fork_server FD` starts krt again and again, each time as a fork of this process.

It has imported krt, so that a start takes milliseconds of processor time instead of half a second. What follows is that
of every start: the command line's `main`, in a process of its own, and Python's own end. tests/fakes/forked.py asks it.

It is not the fork server of `multiprocessing`: what that starts has the server's standard output, and ends without
Python's own end, which tells of warnings and of output that could not be written.

For each message at the socket FD (JSON: `words`, `environ`, `folder`; and four descriptors: standard input, output and
error, and the writing end of a pipe) it answers with one of JSON (`pid`) and a pidfd. Once the process has ended, its
wait status stands in the pipe.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import krt

_PRELOADED = (
    "krt.cli.apply",
    "krt.cli.fleet_run",
    "krt.cli.notify",
    "krt.cli.publish",
    "krt.cli.secrets_run",
    "krt.daemon.root",
)
_PR_SET_PDEATHSIG = 1
_MOST_BYTES = 1_000_000


class _Server:
    def __init__(self, asked: socket.socket) -> None:
        self.asked = asked
        self.reports: dict[int, int] = {}  # by process id: where its wait status is to be written

    def serve(self) -> dict[str, Any] | None:
        """Returns in each fork what it is to run; here None, once nobody can ask any more."""
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        while True:
            readable, _, _ = select.select([self.asked, woken], [], [])
            if woken in readable:
                os.read(woken, 4096)
                self._reap()
            if self.asked in readable:
                message, given, _, _ = socket.recv_fds(self.asked, _MOST_BYTES, 4)
                if not message:
                    return None
                if self._fork(given):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    self._leave(woken, wakes, *given)
                    return dict(json.loads(message))

    def _fork(self, given: list[int]) -> bool:
        """Whether this is the fork."""
        *streams, report = given
        if not (pid := os.fork()):
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            return True
        pidfd = os.pidfd_open(pid)
        socket.send_fds(self.asked, [json.dumps({"pid": pid}).encode()], [pidfd])
        for descriptor in (*streams, pidfd):
            os.close(descriptor)
        self.reports[pid] = report
        return False

    def _leave(self, *descriptors: int) -> None:
        """Keep nothing open in a fork that krt, started otherwise, would not have."""
        for descriptor in (*descriptors, *self.reports.values()):
            os.close(descriptor)

    def _reap(self) -> None:
        for pid in list(self.reports):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                report = self.reports.pop(pid)
                os.write(report, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(report)


def _become(server: int, words: list[str], environ: dict[str, str], folder: str) -> None:
    """Be a krt that was started with these words. It ends with the server, a process id, and that with the test run."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        sys.exit("the fork server is gone")
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = [str(Path(krt.__file__).with_name("__main__.py")), *words]


def _main() -> int:
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    server = os.getpid()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        start = _Server(asked).serve()
    if start is None:
        return 0
    _become(server, **start)
    main = importlib.import_module("krt.cli.main").main
    return int(main())


if __name__ == "__main__":
    sys.exit(_main())
