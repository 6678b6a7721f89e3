"""A real `krt web`: a process with sockets and a log, as an operator has it."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from signal import SIGTERM
from typing import Any

from krt.serving.address import Address, parse_address
from tests.fakes.forked import Forked, forked
from tests.fakes.pace import PATIENCE_SECONDS


class Process:
    """Its addresses are those that its log names."""

    def __init__(self, popen: Forked, log: Path, started_at: float) -> None:
        self.popen = popen
        self.log = log
        self._started_at = started_at

    @cached_property
    def public(self) -> Address:
        return parse_address(self.started()["web_at"][0])

    @cached_property
    def admin(self) -> Address:
        return parse_address(self.started()["admin_at"][0])

    def started(self) -> dict[str, Any]:
        return self.wait_for("started")

    def lines(self) -> list[dict[str, Any]]:
        """The log so far; every line of it is JSON in ASCII."""
        text = self.log.read_bytes().decode("ascii")
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == name]

    def wait_for(self, event: str, *, after: int = 0) -> dict[str, Any]:
        """The first such line behind the first `after` of them."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if found := self.events(event)[after:]:
                return found[0]
            assert self.is_alive(), self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"no {event} in {self.log.read_text()[-2000:]}")

    def age_seconds(self) -> float:
        """Since before it did anything."""
        return time.monotonic() - self._started_at

    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.popen.pid}/fd").iterdir()))

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def stop(self) -> int:
        """As Kubernetes does it; the exit code."""
        self.popen.send_signal(SIGTERM)
        return self.popen.wait(PATIENCE_SECONDS)


@contextmanager
def krt_web(directory: Path, environ: Mapping[str, str], *, ready: bool = True) -> Iterator[Process]:
    """Running, and by default ready, until the end of the block at the latest."""
    log = directory / f"krt-web-{len(list(directory.glob('krt-web-*.log')))}.log"
    started_at = time.monotonic()
    with log.open("wb") as output:
        own = {"LOG_LEVEL": "debug", "WEB_LISTEN_ADDR": "127.0.0.1:0", "KRT_ADMIN_ADDR": "127.0.0.1:0"}
        given = {"PATH": os.environ["PATH"], **own, **environ}
        popen = forked(["web"], given, folder=Path.cwd(), out=output.fileno(), err=output.fileno())
    process = Process(popen, log, started_at)
    try:
        process.wait_for("ready" if ready else "started")
        yield process
    finally:
        if process.is_alive():
            popen.kill()
        popen.wait()
