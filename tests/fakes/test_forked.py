"""A krt that is started as a fork is like one that Python starts itself."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest
import trio
import trio.testing

from tests.fakes.forked import ROOT, Forked, forked
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.process import is_running, process

WORDS = (
    ("--version",),
    ("bogus",),
    ("apply", "--bogus"),
    ("web",),
    ("explain", "ghcr.io/acme/shop:dev"),
    ("notify", "ghcr.io/acme/shop", "--tags", "dev"),
    ("secrets", "status"),
)


def run(words: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """The exit code, and what it wrote."""
    with (folder / "forked.txt").open("w") as both:
        code = forked(words, environ, folder=folder, out=both.fileno(), err=both.fileno()).wait(PATIENCE_SECONDS)
    return code, (folder / "forked.txt").read_text()


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_it_ends_and_says_the_same(words: tuple[str, ...], tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "krt", *words]
    done = subprocess.run(
        command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert run(words, environ, tmp_path) == (done.returncode, done.stdout)


def test_it_has_the_given_variables_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRT_URL", "https://elsewhere.test")
    words = ("notify", "ghcr.io/acme/shop", "--tags", "dev")
    code, said = run(words, {"PATH": os.environ["PATH"]}, tmp_path)
    assert (code, "KRT_URL" in said, "elsewhere" in said) == (2, True, False)


async def test_it_shares_no_pipe_and_no_socket_with_the_server() -> None:
    """Seen to fail with the server's own ones, and with the pipes of forks before it."""
    words = ("all", "--dev", "--listen-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
    environ = {"HOME": "/nowhere"}
    async with process(*words, environ=environ) as first, process(*words, environ=environ) as second:
        for krt in (first, second):
            await krt.wait_said("role_started")
            server = _ends(_parent(krt.pid))
            assert len(server) > 3
            assert server & _ends(krt.pid) == set()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _ends(pid: int) -> set[str]:
    """The process's pipes and sockets."""
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(each.readlink()))
    return {end for end in found if end.startswith(("pipe:", "socket:"))}


async def test_its_end_is_known_whichever_way_it_comes(tmp_path: Path) -> None:
    ended = await _started(tmp_path / "ended.log")
    ended.send_signal(SIGTERM)
    assert await ended.wait_ended() == 0
    killed = await _started(tmp_path / "killed.log")
    assert killed.poll() is None
    killed.kill()
    killed.kill()
    assert (await killed.wait_ended(), killed.poll(), killed.wait()) == (-SIGKILL, -SIGKILL, -SIGKILL)
    assert not is_running(killed.pid)


async def test_several_may_wait_for_one_end(tmp_path: Path) -> None:
    """Seen to fail with one descriptor for all: one waited for ever, or got a BusyResourceError."""
    krt = await _started(tmp_path / "krt.log")
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(krt.wait_ended)
            nursery.start_soon(krt.wait_ended)
            await trio.testing.wait_all_tasks_blocked()
            krt.kill()
            krt.wait()


async def _started(log: Path) -> Forked:
    """A krt that has begun to log."""
    words = ("all", "--dev", "--listen-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
    with log.open("w") as both:
        environ = {"PATH": os.environ["PATH"], "HOME": str(log.parent)}
        krt = forked(words, environ, folder=log.parent, out=both.fileno(), err=both.fileno())
    await until_on_trio_clock(lambda: "role_started" in log.read_text())
    return krt


_OWNER = """
import os, sys
from tests.fakes.forked import ROOT, forked
words = ["all", "--dev", "--listen-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]
print(forked(words, dict(os.environ), folder=ROOT, out=2, err=2).pid, flush=True)
sys.stdin.read()
"""


async def test_it_ends_with_the_process_that_started_it() -> None:
    """Even if that is killed, as a test run can be."""
    owner = await trio.lowlevel.open_process(
        [sys.executable, "-c", _OWNER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    async with owner.stdin, owner.stdout:
        pid = int(await owner.stdout.receive_some())
        assert is_running(pid)
        owner.kill()
        await owner.wait()
    await until_on_trio_clock(lambda: not is_running(pid))
