"""That connections leave nothing behind: file descriptors, memory, objects."""

import gc
import resource
import socket
import struct
from pathlib import Path

import pytest
import trio
import trio.testing

from krt.serving.connection import Connection
from krt.serving.denial import Denial
from tests.serving.raw import GOOD, read_to_end, running
from tests.serving.requests import REFUSED

STATM = Path("/proc/self/statm")
RESET = struct.pack("ii", 1, 0)


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


async def test_a_thousand_short_connections_leave_no_descriptor():
    async with running(max_connections_per_peer=None) as server:
        before = open_descriptors()
        for turn in range(1000):
            stream = await server.connect()
            if turn % 3:
                await stream.send_all(GOOD[: turn % len(GOOD)])
            if turn % 2:
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
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


@pytest.mark.skipif(not STATM.exists(), reason="the kernel does not say how much memory is resident")
async def test_floods_do_not_grow_the_process(patient_clock):
    async with running() as server:
        await flood(server)
        before = resident_bytes()
        for _ in range(5):
            await flood(server)
        assert resident_bytes() - before < 10_000_000


async def flood(server) -> None:
    for sent, status in REFUSED.values():
        assert (await server.send(sent)).status == status


def resident_bytes() -> int:
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


async def test_ended_connections_leave_no_object(patient_clock):
    async with running(max_connections_per_peer=None) as server:
        await server.assert_alive()
        await trio.testing.wait_all_tasks_blocked(0.01)
        before = live_objects()
        for sent in (GOOD, GOOD[:-1], GOOD.replace(b"\r", b""), GOOD.replace(b"/ok", b"/stream")) * 10:
            stream = await server.connect()
            await stream.send_all(sent)
            await trio.testing.wait_all_tasks_blocked(0.01)
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert live_objects() == before


def live_objects() -> int:
    gc.collect()
    return sum(isinstance(found, trio.CancelScope | trio.Lock | Connection) for found in gc.get_objects())
