"""krt where it may open few files, or none any more: what it says, whom it still answers, and that it recovers."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from krt.core.kube.workload import MARK
from krt.dev.cluster import Fault
from krt.serving.address import Address
from tests.fakes.around import Around, Krt
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import Process, process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="changes the limits of a process that runs")
ANYBODY = {"KRT_TRUSTED_PROXIES": "127.0.0.0/8"}  # so that no peer has too many connections


def allow(running: Process, files: int) -> None:
    import resource

    _, most = resource.prlimit(running.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (files, most))


def used(running: Process) -> int:
    """The number that the next file gets, if none of the lower ones is free."""
    return max(int(path.name) for path in Path(f"/proc/{running.pid}/fd").iterdir()) + 1


async def crowd(address: Address, number: int, held: AsyncExitStack) -> None:
    for _ in range(number):
        await held.enter_async_context(await trio.open_tcp_stream(address.host, address.port))


async def test_a_web_without_a_free_file_says_so_once_and_goes_on_when_there_is_one(around: Around):
    """Seen to fail with trio.serve_listeners: ten tracebacks a second, for each listener."""
    async with process("web", environ=around.of("web") | ANYBODY) as running, AsyncExitStack() as held:
        await running.wait_said("ready")
        krt = Krt.of(running)
        allow(running, used(running) + 3)
        await crowd(krt.web, 20, held)
        said = await running.wait_said("connections_not_accepted")
        assert "Too many open files" in str(said["problem"])
        assert "ulimit -n" in str(said["problem"])
        await until_on_wall_clock(
            lambda: any("connections: " in str(line["problems"]) for line in running.said("not_ready"))
        )
        before = len(running.err)
        await trio.sleep(1.5)  # another process: for fifteen of the tracebacks of old
        assert len(running.said("connections_not_accepted")) <= 2, "one of each listener"  # the admin's is short, too
        assert "Traceback" not in running.err
        assert len(running.err) - before < 2000
        allow(running, 1024)
        await running.wait_said("connections_accepted")
        await until_on_wall_clock(krt.is_ready)
        assert (await krt.post(around.token())).status == 202
        code, _ = await running.stopped()
        assert (code, "Traceback" in running.err) == (0, False), running.err


@pytest.mark.parametrize("role", ["web", "all"])
@pytest.mark.parametrize("files", [64, 96, 200])
async def test_a_small_limit_leaves_the_admin_listener_its_connections(around: Around, role: str, files: int):
    """Seen to fail with 1,536 connections whatever the limit is: nobody was answered at /readyz."""
    async with process(role, environ=around.of(role) | ANYBODY, files=files) as running, AsyncExitStack() as held:
        said = await running.wait_said("few_files")
        assert said["limit"] == files
        await running.wait_said("ready")
        krt = Krt.of(running)
        await crowd(krt.web, files + 10, held)
        await until_on_wall_clock(lambda: running.said("connection_denied"))
        assert await krt.is_ready()
        assert await krt.is_alive()
        assert not running.said("connections_not_accepted")
        await held.aclose()
        await until_on_wall_clock(lambda: is_accepted(around, krt))
        code, _ = await running.stopped()
        assert (code, "Traceback" in running.err) == (0, False), running.err


async def is_accepted(around: Around, krt) -> bool:
    return (await krt.post(around.token())).status == 202


@pytest.mark.parametrize("role", ["web", "worker", "all"])
@pytest.mark.parametrize("files", [16, 47])
async def test_a_limit_that_krt_itself_does_not_fit_into_is_one_sentence(around: Around, role: str, files: int):
    async with process(role, environ=around.of(role), files=files) as running:
        assert await running.ended() == 2
        [sentence] = [line for line in running.err.splitlines() if not line.startswith('{"time"')]
        assert sentence.startswith(f"krt: the limit of open files is {files}, and krt needs 48 at least: raise it")


async def test_a_worker_without_a_free_file_waits_for_valkey_and_says_why(around: Around):
    async with process("worker", environ=around.of("worker")) as running:
        await running.wait_said("ready")
        allow(running, 5)
        await around.valkey.stop()
        await around.valkey.start()
        await running.wait_said("channel_lost")
        await until_on_wall_clock(lambda: "Too many open files" in running.err)
        await trio.sleep(1)  # another process: for some attempts more
        assert "Traceback" not in running.err, running.err
        allow(running, 1024)
        await running.wait_said("ready", times=2)
        await around.publish(b'{"image":"ghcr.io/acme/shop","tags":["dev"]}')
        await until_on_wall_clock(lambda: MARK in around.stand_in.document("web")["metadata"].get("annotations", {}))
        code, _ = await running.stopped()
        assert (code, "Traceback" in running.err) == (0, False), running.err


async def test_a_worker_without_a_free_file_waits_for_the_api_server_and_says_why(around: Around):
    around.stand_in.cluster.faults.add(Fault(broken=True, verb="patch"))  # its connections are used again otherwise
    async with process("worker", environ=around.of("worker")) as running:
        await running.wait_said("ready")
        allow(running, 5)
        await around.publish(b'{"image":"ghcr.io/acme/shop","tags":["dev"]}')
        await until_on_wall_clock(lambda: "Too many open files" in str(running.said("restart_retried")))
        around.stand_in.cluster.faults.cut_watches = True
        around.stand_in.set_image("web", "ghcr.io/acme/shop:other")
        await until_on_wall_clock(lambda: "Too many open files" in str(running.said("scope_unavailable")))
        assert "Traceback" not in running.err, running.err
        around.stand_in.cluster.faults.cut_watches = False
        allow(running, 1024)
        await running.wait_said("event_settled")
        code, _ = await running.stopped()
        assert (code, "Traceback" in running.err) == (0, False), running.err


async def test_a_web_that_is_stopped_without_a_free_file_stops_in_order(around: Around):
    """Seen to fail where the queue is looked into for all: a traceback, and exit code 1."""
    async with process("web", environ=around.of("web") | ANYBODY) as running, AsyncExitStack() as held:
        await running.wait_said("ready")
        allow(running, used(running))
        await crowd(Krt.of(running).web, 3, held)
        await running.wait_said("connections_not_accepted")
        code, _ = await running.stopped()
        assert (code, "Traceback" in running.err) == (0, False), running.err
