"""A Valkey whose disk is full: with `appendfsync always` it ends, and every event that got its 202 is kept."""

import sys
from pathlib import Path

import pytest

from tests.fakes.around import Krt, around_krt
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import is_running, process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bounds the files of a process that runs")


async def is_said(krt: Krt) -> bool:
    return any("cannot be reached" in problem for problem in await krt.problems())


@pytest.mark.parametrize("more_bytes", [0, 1, 200, 900, 2500])
async def test_what_was_accepted_before_the_disk_was_full_is_there_when_it_has_room(
    loopback_only: None, tmp_path: Path, more_bytes: int
):
    """The whole disk of the test is its file: it may grow by so much."""
    import resource

    async with around_krt(tmp_path, durable=True) as around, process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        krt = Krt.of(running)
        accepted = [await krt.post(around.token())]
        size = max(path.stat().st_size for path in around.valkey.directory.rglob("*.aof"))
        bound = size + more_bytes
        resource.prlimit(around.valkey.pid, resource.RLIMIT_FSIZE, (bound, bound))
        while (reply := await krt.post(around.token())).status == 202:
            accepted.append(reply)
        assert reply.status == 503
        await until_on_wall_clock(lambda: not is_running(around.valkey.pid))
        await until_on_wall_clock(lambda: is_said(krt))
        await around.valkey.stop()
        await around.valkey.start()
        await until_on_wall_clock(krt.is_ready)
        assert len(await around.journaled()) == len(accepted)
        assert (await krt.post(around.token())).status == 202
        assert "Traceback" not in running.err
