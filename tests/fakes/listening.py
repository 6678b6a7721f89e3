"""Waits for a server that a test has started as a process."""

import socket
import subprocess
from pathlib import Path
from time import monotonic, sleep

from tests.fakes.pace import PATIENCE_SECONDS


def await_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once it listens on the loopback port. If it ends, or does not listen in time, its log says why."""
    until = monotonic() + PATIENCE_SECONDS
    while monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            sleep(0.02)
        else:
            return
    raise AssertionError(f"{process.args!r} does not listen: {log.read_text()}")
