"""A process dies before and after each step of accepting and of restarting: nothing is lost, nothing is done twice.

The table stands in docs/correctness.md. Each of these was seen to fail with the step's safeguard removed: the claim of
dead workers' entries, the look at the mark, the guarded patch, the token's record, one script for settling.
"""

from dataclasses import replace

import pytest
import trio
import trio.lowlevel

from krt.broker.client import Client, open_client
from krt.broker.endpoint import parse_endpoint
from krt.dev.valkey import open_valkey
from krt.errors import BrokerUnavailable
from tests.fakes.journal import FakeJournal
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.proxy import open_proxy
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Power, Troubled
from tests.fakes.values import a_workload
from tests.fakes.workloads import FakeWorkloads
from tests.worker.accepting import GROUP, KEYS, a_journal, accept, accepted, drained, report, some_rollouts
from tests.worker.crash_points import BEFORE, POINTS
from tests.worker.workers import BOUNDS, web, working

# Accepting


async def test_web_dies_before_the_script_has_run_and_the_caller_repeats():
    """Nothing was journaled and nothing spent: the same token is good."""
    async with open_valkey(port=0) as server:
        host, _, port = server.address.partition(":")
        async with open_proxy(host, int(port)) as proxy, open_client(parse_endpoint(f"{host}:{proxy.port}")) as client:
            await proxy.refuse()
            with pytest.raises(BrokerUnavailable):
                await accepted(client)
            await proxy.listen()
            done = await accepted(client)
            assert not done.again
            assert await client.call("XLEN", KEYS.journal) == 1


async def test_web_dies_after_the_script_has_run_and_the_caller_repeats():
    """The answer was lost, the event was not: the same token is answered with its id."""
    async with open_valkey(port=0) as server:
        host, _, port = server.address.partition(":")
        async with open_proxy(host, int(port)) as proxy, open_client(parse_endpoint(server.address)) as direct:
            await accept(direct, "t-0")  # the script is known from here on
            proxy.cut_after(0)
            async with open_client(parse_endpoint(f"{host}:{proxy.port}")) as client:
                with pytest.raises(BrokerUnavailable):
                    await accepted(client)
            assert await direct.call("XLEN", KEYS.journal) == 2
            done = await accepted(direct)
            assert done.again
            assert await direct.call("XLEN", KEYS.journal) == 2


async def test_valkey_dies_after_the_script_has_run_and_the_caller_repeats():
    """With appendfsync always what ran is there again after the crash, whole."""
    async with open_valkey(durable=True) as server, open_client(parse_endpoint(server.address)) as client:
        entry = await accept(client)
        await server.kill()
        await server.start()
        assert (await accepted(client)).id == entry
        assert (await report(client, entry))["image"] == "ghcr.io/acme/shop"


# Restarting: which call of which part the worker dies before, or after

IDS = ["-".join((when.removeprefix("fail_"), call)) for _, when, call in POINTS]


def supply(power: Power, point: tuple[str, str, str], **parts):
    """The parts as a process calls them that dies there."""
    part, when, call = point
    return {name: power.supply(inner, **({when: call} if name == part else {})) for name, inner in parts.items()}


@pytest.mark.parametrize("point", POINTS, ids=IDS)
async def test_a_worker_is_killed_and_another_goes_on(client, point):
    """Before a real Valkey."""
    cluster = FakeWorkloads(web(), a_workload(key="Deployment shop/other"))
    entry = await accept(client)
    power = Power(BrokerUnavailable)
    parts = supply(power, point, journal=a_journal(client), rollouts=some_rollouts(client), cluster=cluster)
    one_by_one = replace(BOUNDS, calls_at_once=1)
    async with working(parts["journal"], parts["rollouts"], cluster, through=parts["cluster"], bounds=one_by_one):
        await power.failed.wait()
    await let_time_go_by(client)
    async with working(a_journal(client), some_rollouts(client), cluster):
        await until_on_wall_clock(lambda: len(cluster.patches) == 2)
        await drained(client)
    assert sorted(patch.key.name for patch in cluster.patches) == ["other", "web"]
    said = await report(client, entry)
    assert sorted(field.rpartition("/")[2] for field in said if field.startswith("target/")) == ["other", "web"]
    assert '"settled"' in said[f"group/{GROUP}"]


async def let_time_go_by(client: Client) -> None:
    """What is pending has been left alone for longer than its worker may be silent."""
    for entry, consumer, _, count in await client.call("XPENDING", KEYS.journal, GROUP, "-", "+", 100):
        given = ("IDLE", 20_000, "RETRYCOUNT", count, "JUSTID")
        await client.call("XCLAIM", KEYS.journal, GROUP, consumer, 0, entry, *given)


@pytest.mark.parametrize("second", POINTS, ids=IDS)
@pytest.mark.parametrize("first", POINTS, ids=IDS)
async def test_a_worker_is_killed_and_so_is_the_next(world, autojump_clock, first, second):
    """Among fakes, in real time's own seconds: the third goes on, and the first is up again beside it."""
    world.cluster.put(a_workload(key="Deployment shop/other"))
    entry = world.accept()
    for point in (first, second):
        power = Power(BrokerUnavailable)
        journal, rollouts = FakeJournal(world.stream), FakeRollouts(world.stream)
        parts = supply(power, point, journal=journal, rollouts=rollouts, cluster=world.cluster)
        worker = await world.start(**parts, power=power, bounds=replace(BOUNDS, calls_at_once=1))
        with trio.move_on_after(100):  # or it has nothing to die of any more
            await power.failed.wait()
        await worker.kill()
    await world.start()
    await world.start()
    await world.settled(entry, within_seconds=200)
    assert sorted(patch.key.name for patch in world.cluster.patches) == ["other", "web"]
    assert world.targets(entry) == {"other": "ready", "web": "ready"}


@pytest.mark.parametrize("point", POINTS, ids=IDS)
async def test_a_worker_is_told_to_stop_and_another_goes_on_at_once(world, autojump_clock, point):
    """As SIGTERM does: patches in hand are finished, claims released."""
    part, when, call = point
    reached = trio.Event()

    async def stop(name: str) -> None:
        if name == call:
            reached.set()
            await trio.sleep(0.1)

    world.cluster.call_seconds = 1
    parts = {"journal": FakeJournal(world.stream), "rollouts": FakeRollouts(world.stream), "cluster": world.cluster}
    hook = {"before" if when == BEFORE else "after": stop}
    troubled = {name: Troubled(inner, **(hook if name == part else {})) for name, inner in parts.items()}
    entry = world.accept()
    worker = await world.start(**troubled)
    await reached.wait()
    await worker.stop()
    await world.start()
    await trio.sleep(8)
    assert len(world.cluster.patches) == 1
    await world.settled(entry, within_seconds=100)
    assert len(world.cluster.patches) == 1
    assert world.targets(entry) == {"web": "ready"}


async def test_a_patch_that_was_begun_is_finished_when_the_worker_is_told_to_stop(world, autojump_clock):
    """Else it would be anybody's guess whether it was done."""
    world.cluster.call_seconds = 3
    entry = world.accept()
    worker = await world.start()
    await trio.sleep(1)
    await worker.stop()
    assert len(world.cluster.patches) == 1
    await world.start()
    await world.settled(entry)
    assert len(world.cluster.patches) == 1
