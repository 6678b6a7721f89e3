"""Many events and many workloads at once, before a real Valkey, the stand-in cluster, or fakes where time matters."""

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import trio

from krt.broker.channel import subscribe
from krt.cluster.workloads.open import open_cluster
from krt.core.report.report import GroupState
from krt.core.restart.mark import parse_mark
from krt.dev.cluster import Fault, deployment
from krt.worker.role import Around, work
from tests.fakes.pace import pace, slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, standing_in
from tests.fakes.values import a_workload, an_event
from tests.fakes.workloads import FakeWorkloads, many_workloads
from tests.worker.accepting import CHANNEL, KEYS, a_journal, accept, drained, some_rollouts
from tests.worker.workers import BOUNDS, RULES, a_matching, foreign, web, working

EVENTS = 1000
QUICK = replace(RULES, min_interval_seconds=1.0)


class InFlight:
    """An ASGI app that counts how many calls on single objects are answered at the same time."""

    def __init__(self, app) -> None:
        self.most = 0
        self.patched: Counter[str] = Counter()
        self._app = app
        self._now = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http" or "/deployments/" not in scope["path"]:  # namespaces are listed and watched, too
            await self._app(scope, receive, send)
            return
        self._now += 1
        self.most = max(self.most, self._now)
        self.patched[scope["path"].rpartition("/")[2]] += scope["method"] == "PATCH"
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


def events_here() -> int:
    """A storm of the size that this machine gets through in the same time."""
    return max(100, round(EVENTS / pace()))


@asynccontextmanager
async def counted(directory):
    """A stand-in cluster behind a counter."""
    async with standing_in(directory, bookmark_seconds=1) as stand_in:
        counting = InFlight(stand_in.cluster)
        async with served(counting) as url:
            stand_in.kubeconfig.write_text(stand_in.kubeconfig.read_text().replace(stand_in.url, url))
            yield stand_in, counting


@asynccontextmanager
async def workers_of(stand_in: StandIn, client, *, count: int, **changes):
    """Workers as the daemon puts them together, each with its own index."""
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        for _ in range(count):
            own = {"kinds": ("Deployment",), "namespaces": (), "calls_at_once": 40}
            cluster = await stack.enter_async_context(open_cluster(stand_in.kubeconfig, **own))
            channel = await stack.enter_async_context(subscribe(client.endpoint, CHANNEL))
            await cluster.wait_listed()
            around = Around(a_journal(client), some_rollouts(client), channel, cluster)
            nursery.start_soon(
                work, around, a_matching(cluster), changes.get("rules", QUICK), changes.get("bounds", BOUNDS)
            )
        yield
        nursery.cancel_scope.cancel()


def covered(stand_in: StandIn, name: str):
    """What the newest restart of the Deployment covers."""
    mark = parse_mark(stand_in.document(name)["metadata"]["annotations"].get("krt/event"))
    return mark and mark.covers


async def test_a_thousand_events_on_one_image_are_two_restarts_of_each_of_its_deployments(client, tmp_path):
    """Seen to fail with the event's own id in the mark."""
    async with counted(tmp_path) as (stand_in, _):
        for name in "abc":
            stand_in.cluster.add(deployment(name, "shop", "ghcr.io/acme/shop:dev"))
        events = events_here()
        burst = replace(RULES, min_interval_seconds=slack(3.0))  # longer than it takes to accept all of them
        async with workers_of(stand_in, client, count=2, rules=burst):
            async with trio.open_nursery() as callers:
                for number in range(events):
                    callers.start_soon(accept, client, f"t-{number}")
            newest = (await a_journal(client).position()).newest
            await until_on_wall_clock(lambda: {covered(stand_in, name) for name in "abc"} == {newest})
            await drained(client)
        restarts = [stand_in.document(name)["metadata"]["generation"] - 1 for name in "abc"]
    assert all(count in {1, 2} for count in restarts)


async def test_a_thousand_events_on_a_thousand_deployments_are_one_restart_each(client, tmp_path):
    """And never more calls in flight than the cap. Seen to fail with a cap that nobody asks."""
    cap, events = 10, events_here()
    async with counted(tmp_path) as (stand_in, counting):
        for number in range(events):
            stand_in.cluster.add(deployment(f"web-{number}", "shop", f"ghcr.io/acme/app-{number}:dev"))
        stand_in.cluster.faults.add(Fault(delay_seconds=0.04, verb="patch"), times=None)
        async with workers_of(stand_in, client, count=1, bounds=replace(BOUNDS, calls_at_once=cap)):
            async with trio.open_nursery() as callers:
                for number in range(events):
                    callers.start_soon(accept, client, f"t-{number}", an_event(f"ghcr.io/acme/app-{number}"))
            await until_on_wall_clock(lambda: len(counting.patched) == events)
            await drained(client)
    assert set(counting.patched.values()) == {1}
    assert counting.most <= cap


async def test_workers_together_keep_each_to_its_cap(world, autojump_clock):
    """Seen to fail with calls made without asking for a turn, and with a pace that gives every turn at once."""
    world.cluster.call_seconds = 0.1
    for workload in many_workloads(200):
        world.cluster.put(workload)
    world.accept()
    await world.start(bounds=replace(BOUNDS, calls_at_once=8, restarts_per_second=10.0))
    await world.settled()
    assert world.cluster.most_in_flight == 8
    times = sorted(patch.at for patch in world.cluster.patches)
    assert len(times) == 201
    assert all(later - sooner >= 0.9 for sooner, later in zip(times, times[20:], strict=False))


async def test_a_storm_on_one_image_delays_no_other(world, autojump_clock):
    """Seen to fail with one workload settled after another."""
    other = world.cluster.put(a_workload("ghcr.io/acme/other:dev", key="Deployment shop/other"))
    worker = await world.start()
    for _ in range(EVENTS):
        world.accept(ring=worker)
    world.accept("ghcr.io/acme/other", ring=worker)
    await trio.sleep(1)
    assert len(world.cluster.restarts(other.key)) == 1
    await world.settled()
    assert len(world.cluster.patches) <= 3


async def test_what_a_go_peer_publishes_is_one_restart_with_two_workers_up(client):
    """Seen to fail with a lease that everybody holds, and ADOPT without a look at it."""
    cluster = FakeWorkloads(web())

    async def both_listen() -> bool:
        return await client.call("PUBLISH", CHANNEL, b"hello") == 2

    async with (
        subscribe(client.endpoint, CHANNEL) as one,
        subscribe(client.endpoint, CHANNEL) as other,
        working(a_journal(client), some_rollouts(client), cluster, signals=one),
        working(a_journal(client), some_rollouts(client), cluster, signals=other),
    ):
        await until_on_wall_clock(both_listen)
        await client.call("PUBLISH", CHANNEL, foreign())
        await until_on_wall_clock(lambda: cluster.patches)
        await drained(client)
    assert await client.call("XLEN", KEYS.journal) == len(cluster.patches) == 1


async def test_what_was_accepted_while_no_worker_ran_is_handled_or_expires(world, autojump_clock):
    """Seen to fail with the age not looked at."""
    old = [world.accept(age_seconds=3600 + minutes * 60) for minutes in range(30, 0, -1)]
    young = [world.accept(age_seconds=minutes * 60) for minutes in range(59, 0, -1)]
    await world.start()
    await world.settled()
    assert {world.said(entry).state for entry in old} == {GroupState.EXPIRED}
    assert GroupState.EXPIRED not in {world.said(entry).state for entry in young}
    assert len(world.cluster.patches) == 1
    assert {world.state(entry) for entry in young} == {"ready"}
