"""That connections leave nothing behind: file descriptors, counts, tasks."""

import resource
from pathlib import Path

import pytest
import trio
import trio.testing

from krt.serving.denial import Denial
from tests.serving.raw import GOOD, read_to_end, running


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.fixture
def two_thousand_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2000 if hard == resource.RLIM_INFINITY else min(2000, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_800_idle_connections_are_capped_and_leave_no_descriptor(two_thousand_descriptors, patient_clock):
    async with running(max_connections=300, max_connections_per_peer=None) as server, running() as other:
        before = open_descriptors()
        idle = [await server.connect() for _ in range(800)]
        await other.assert_alive()
        for stream in idle:
            assert (await read_to_end(stream)).received == b""
            await stream.aclose()
        assert trio.current_time() == pytest.approx(5, abs=0.5)
        assert server.denials.count(Denial.TOO_MANY_CONNECTIONS) == 500
        assert server.denials.count(Denial.HEAD_TOO_SLOW) == 300
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert open_descriptors() == before
        await server.assert_alive()


async def test_thousands_of_short_connections_leave_no_descriptor():
    async with running(max_connections_per_peer=None) as server:
        before = open_descriptors()
        for turn in range(2000):
            stream = await server.connect()
            if turn % 3:
                await stream.send_all(GOOD[: turn % len(GOOD)])
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert open_descriptors() == before
        await server.assert_alive()


async def test_answered_connections_leave_no_descriptor():
    async with running(max_connections=1, max_connections_per_peer=None) as server:
        before = open_descriptors()
        for _ in range(300):
            assert (await server.send(GOOD)).status == 200
            await trio.testing.wait_all_tasks_blocked()
        assert open_descriptors() == before
