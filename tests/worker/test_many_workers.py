"""Several workers of one cluster share the work; several clusters each get all of it; workers come and go."""

import trio

from krt.core.restart.mark import parse_mark
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.values import a_workload
from tests.fakes.workloads import FakeWorkloads
from tests.worker.accepting import GROUP, a_journal, accept, drained, report, some_rollouts
from tests.worker.workers import RULES, WEB, World, web, working

IMAGES = [f"ghcr.io/acme/app-{number}" for number in range(5)]
SECONDS = 60


async def test_two_clusters_on_one_valkey_each_restart_for_every_event(client):
    """Seen to fail with one group for both: each got half of them."""
    clusters = {group: FakeWorkloads(web()) for group in ("eu:1", "us:1")}
    parts = {group: (a_journal(client, group=group), some_rollouts(client, group=group)) for group in clusters}
    async with working(*parts["eu:1"], clusters["eu:1"]), working(*parts["us:1"], clusters["us:1"]):
        entry = await accept(client)
        for group, cluster in clusters.items():
            await until_on_wall_clock(lambda cluster=cluster: cluster.restarts(WEB))
            await drained(client, group)
    said = await report(client, entry)
    assert all(
        f"target/{group}/Deployment/shop/web" in said and '"settled"' in said[f"group/{group}"] for group in parts
    )
    assert [len(cluster.patches) for cluster in clusters.values()] == [1, 1]


async def test_workers_of_one_cluster_take_each_event_once(client):
    """Seen to fail with a group for each worker."""
    cluster = FakeWorkloads(web())
    workers = [(a_journal(client), some_rollouts(client)) for _ in range(3)]
    async with working(*workers[0], cluster), working(*workers[1], cluster), working(*workers[2], cluster):
        entries = [await accept(client, f"t-{number}") for number in range(50)]
        await until_on_wall_clock(lambda: cluster.restarts(WEB))
        await drained(client)
    said = [await report(client, entry) for entry in entries]
    assert all('"settled"' in each[f"group/{GROUP}"] for each in said)
    assert len(cluster.patches) <= 2


async def test_a_rolling_update_of_the_workers_loses_nothing_and_doubles_nothing(world: World, autojump_clock):
    """Each new worker is ready before an old one is told to stop, as a Deployment's strategy has it.

    Seen to fail with claims not released at the end (late), and without the look at the mark (twice).
    """
    world.cluster.objects.clear()
    world.cluster.call_seconds = 0.3
    names = [
        world.cluster.put(a_workload(f"{image}:dev", key=f"Deployment shop/{n}")).key for n, image in enumerate(IMAGES)
    ]
    workers = [await world.start() for _ in range(3)]
    accepted = {key: [] for key in names}
    for second in range(SECONDS):
        for number, key in enumerate(names):
            if second % (number + 1) == 0:
                accepted[key].append(world.accept(IMAGES[number], ring=workers[second % 3]))
        if second % 10 == 5:
            workers.append(await world.start())
            await workers.pop(0).stop()
        await trio.sleep(1)
    ended = trio.current_time()
    await world.settled(within_seconds=30)
    for key in names:
        covers = [mark.covers for patch in world.cluster.restarts(key) if (mark := parse_mark(patch.stamp.mark))]
        assert covers[-1] >= accepted[key][-1]
        assert covers == sorted(set(covers))
        assert len(covers) <= min(len(accepted[key]), SECONDS / RULES.min_interval_seconds + 2)
        assert world.cluster.restarts(key)[-1].at < ended + 2 * RULES.min_interval_seconds
