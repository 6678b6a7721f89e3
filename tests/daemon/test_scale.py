"""What an event costs in a large cluster, and how long krt takes to start. Prints its figures: pytest -s."""

from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from krt.dev.cluster import many_deployments
from tests.fakes.around import Around, around_krt, running
from tests.fakes.pace import pace, slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import process

pytestmark = [pytest.mark.slow, pytest.mark.alone]

EVENTS = 40


async def announce(krt, around: Around, index: int) -> float:
    """Announce the image of one Deployment; the milliseconds from the call to the patch."""
    patches = around.stand_in.calls("patch")
    token = around.token(repository_id=str(1000 + index))  # a repository may call 30 times at once
    began = perf_counter()
    reply = await krt.post(token, {"image": f"ghcr.io/acme/app-{index:05}", "tags": ["dev"]})
    assert reply.status == 202
    await until_on_wall_clock(lambda: around.stand_in.calls("patch") > patches)
    return (perf_counter() - began) * 1000


async def measured(directory: Path, deployments: int) -> tuple[float, int]:
    """The median of event to patch in milliseconds, and the lists that all the events cost."""
    async with around_krt(directory) as around:
        for document in many_deployments(deployments):
            around.stand_in.cluster.add(document)
        environ = {**around.environ, "KRT_MIN_INTERVAL": "1ms"}
        async with running("all", environ) as krt:
            await until_on_wall_clock(krt.is_ready)
            lists = around.stand_in.calls("list")
            times = [await announce(krt, around, index % deployments) for index in range(EVENTS)]
            return median(times), around.stand_in.calls("list") - lists


async def test_an_event_costs_the_same_among_10000_deployments_as_among_10(tmp_path: Path):
    few, lists_of_few = await measured(tmp_path, 10)
    many, lists_of_many = await measured(tmp_path, 10_000)
    print(f"\nevent to patch, median: {few:.1f} ms among 10 Deployments, {many:.1f} ms among 10,000")
    assert (lists_of_few, lists_of_many) == (0, 0)
    assert many < 2 * few + 10 * pace()


async def test_krt_all_dev_is_ready_within_seconds():
    times = []
    for _ in range(5):
        began = perf_counter()
        async with process("all", "--dev", "--listen-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0") as krt:
            await krt.wait_said("ready")
            times.append(perf_counter() - began)
    print(f"\nkrt all --dev was ready after {median(times):.2f} s (median of {', '.join(f'{t:.2f}' for t in times)})")
    assert median(times) < slack(10)
