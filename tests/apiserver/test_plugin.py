"""What a whole test run does where the programs are missing, and to its processes when it ends early."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.apiserver.binaries import PROGRAMS
from tests.apiserver.control_plane import ControlPlane, ControlPlaneError
from tests.apiserver.processes import heard
from tests.fakes.pace import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
ASKS = "async def test_asks(control_plane): pass\n"
HOLDS = """
import trio

async def test_holds(control_plane):
    processes = control_plane.etcd, control_plane.apiserver, control_plane.controller_manager
    print("holding", *[process.pid for process in processes], flush=True)
    await trio.sleep_forever()
"""


@asynccontextmanager
async def run_of(test: str, folder: Path, **environment: str) -> AsyncIterator[trio.Process]:
    """A pytest of its own, with this project's settings and one test."""
    file = folder / "test_given.py"
    file.write_text(test)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    plain = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    around = {**plain, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **environment}
    async with heard([*command, "-p", "tests.apiserver.plugin", str(file)], around) as run:
        yield run


async def output_of(run: trio.Process) -> str:
    assert run.stdout is not None
    said = b"".join([bytes(chunk) async for chunk in run.stdout])
    await run.wait()
    return said.decode()


async def test_missing_programs_skip_the_tests_that_ask_for_them_and_say_so(tmp_path: Path) -> None:
    async with run_of(ASKS, tmp_path, KUBEBUILDER_ASSETS=str(tmp_path)) as run:
        said = await output_of(run)
    assert run.returncode == 0, said
    assert "real API server: 0 tests ran against it, 1 SKIPPED: run tests/apiserver/build" in said


async def test_missing_programs_fail_continuous_integration(tmp_path: Path) -> None:
    async with run_of(ASKS, tmp_path, KUBEBUILDER_ASSETS=str(tmp_path), CI="true") as run:
        said = await output_of(run)
    assert run.returncode == 1, said
    assert "no etcd, kube-apiserver, kube-controller-manager, kubectl: tests/apiserver/build" in said


@pytest.mark.apiserver
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
async def test_a_run_that_is_interrupted_or_killed_leaves_no_process(tmp_path: Path, end: signal.Signals) -> None:
    async with run_of(HOLDS, tmp_path) as run:
        assert run.stdout is not None
        line = b""
        while not (line.endswith(b"\n") and b"holding" in line):
            line += await run.stdout.receive_some() or pytest.fail(line.decode())
        descriptors = [os.pidfd_open(int(pid)) for pid in line.decode().rpartition("holding")[2].split()]
        assert len(descriptors) == 3
        run.send_signal(end)
        for descriptor in descriptors:
            with trio.fail_after(PATIENCE_SECONDS):
                await trio.lowlevel.wait_readable(descriptor)
            os.close(descriptor)


async def test_a_start_that_fails_says_what_the_process_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in PROGRAMS:
        does = "exec sleep 60" if name == "etcd" else f"echo {name} does not like $1; exit 1"
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    processes = ControlPlane(tmp_path)
    try:
        with pytest.raises(ControlPlaneError, match="kube-apiserver does not like --etcd-servers"):
            await processes.start()
    finally:
        processes.stop()
