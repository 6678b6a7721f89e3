"""tests/apiserver/up, as a person runs it in one terminal and uses it in another."""

import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.apiserver.binaries import program
from tests.apiserver.kubectl import kubectl
from tests.apiserver.processes import heard
from tests.fakes.pace import PATIENCE_SECONDS

UP = Path(__file__).parent / "up"


@asynccontextmanager
async def up(folder: Path, **environment: str) -> AsyncIterator[trio.Process]:
    async with heard([str(UP)], {**os.environ, "TMPDIR": str(folder), **environment}) as run:
        yield run


async def said_until(run: trio.Process, end: str) -> str:
    """What it prints, up to the end of its output or to these words."""
    assert run.stdout is not None
    said = ""
    with trio.fail_after(PATIENCE_SECONDS):
        while end not in said and (more := await run.stdout.receive_some()):
            said += more.decode()
    return said


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def processes() -> str:
    return (await trio.run_process(["ps", "-ww", "-eo", "pid,args"], capture_stdout=True)).stdout.decode()


async def test_missing_programs_are_one_sentence(tmp_path: Path) -> None:
    async with up(tmp_path, KUBEBUILDER_ASSETS=str(tmp_path)) as run:
        said = await said_until(run, "no end")
        assert await run.wait() == 2
    names = "etcd, kube-apiserver, kube-controller-manager, kubectl"
    assert said == f"{tmp_path} has no {names}: run tests/apiserver/build, which fills it\n"
    assert left_in(tmp_path) == []


@pytest.mark.apiserver
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_the_printed_line_leads_to_a_cluster_that_rolls_out_and_nothing_is_left(
    tmp_path: Path, end: signal.Signals
) -> None:
    async with up(tmp_path) as run:
        said = await said_until(run, "Ctrl-C")
        lines = re.search(r"^export KUBECONFIG=(\S+)\nalias kubectl=(\S+)$", said, re.MULTILINE)
        assert lines, said
        kubeconfig = Path(lines[1])
        assert lines[2] == str(program("kubectl"))
        assert tmp_path in kubeconfig.parents
        made = await kubectl(kubeconfig, "create", "deployment", "web", "--image=nginx", "--replicas=2")
        assert made.code == 0, made
        rollout = await kubectl(kubeconfig, "rollout", "status", "deployment/web", "--timeout=120s")
        assert rollout.code == 0, rollout
        for _ in range(5):  # somebody is impatient
            run.send_signal(end)
        assert "stopped" in await said_until(run, "no end")
        assert await run.wait() == 0
    assert left_in(tmp_path) == []
    assert str(tmp_path) not in await processes()


@pytest.mark.apiserver
async def test_a_process_that_ends_by_itself_ends_all_and_says_why(tmp_path: Path) -> None:
    async with up(tmp_path) as run:
        await said_until(run, "Ctrl-C")
        [etcd] = [line.split()[0] for line in (await processes()).splitlines() if f"--data-dir={tmp_path}" in line]
        os.kill(int(etcd), signal.SIGKILL)
        assert "etcd ended by itself" in await said_until(run, "no end")
        assert await run.wait() == 1
    assert left_in(tmp_path) == []
