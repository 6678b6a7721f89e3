"""T4 of docs/correctness.md with whole processes: a cluster leaves with its last worker, and is back with the next."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from typing import Any

import pytest
import trio
import trio.lowlevel

from krt.broker.client import open_client
from krt.broker.clusters import seen_clusters
from krt.broker.endpoint import parse_endpoint
from krt.broker.keys import Keys
from krt.core.kube.workload import MARK
from krt.core.report.presence import Sighting, cluster_of
from krt.dev.cluster import deployment
from tests.fakes.around import IMAGE, Around, Krt, ask, get, running
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import Process, finished, process, program

KEYS = Keys("krt")
EU = {"KRT_CLUSTER": "eu", "KRT_NAMESPACES": "blog"}


async def clusters(around: Around) -> dict[str, Sighting]:
    """What stands at Valkey of each cluster."""
    async with open_client(parse_endpoint(around.valkey.address)) as client:
        seen = await seen_clusters(client, KEYS)
    return {cluster_of(group): sighting for group, sighting in seen.groups.items()}


async def have_left(around: Around) -> dict[str, bool]:
    return {name: sighting.presence.left for name, sighting in (await clusters(around)).items()}


async def earlier(around: Around, seconds: int) -> None:
    """Everybody who is silent was there so much earlier."""
    async with open_client(parse_endpoint(around.valkey.address)) as client:
        for group, sighting in (await seen_clusters(client, KEYS)).groups.items():
            times = f"{sighting.first - seconds:.0f} {sighting.last - seconds:.0f} 0"
            await client.call("HSET", KEYS.alive, group, f"{times} {sighting.presence.to_json()}")


@asynccontextmanager
async def a_worker(around: Around, **environ: str) -> AsyncIterator[Process]:
    """One that has said that it is there."""
    name = environ.get("KRT_CLUSTER", "default")
    async with process("worker", environ={**around.of("worker"), **environ}) as worker:
        await worker.wait_said("ready")

        async def is_known() -> bool:
            return (await have_left(around)).get(name) is False

        await until_on_wall_clock(is_known)
        yield worker


async def post(krt: Krt, around: Around) -> str:
    return json.loads((await krt.post(around.token())).body)["id"]


async def report(krt: Krt, around: Around, event: str) -> Mapping[str, Any]:
    return json.loads((await ask(krt.web, get(f"/events/{event}", around.token()))).body)


async def wait_state(krt: Krt, around: Around, event: str, state: str) -> Mapping[str, Any]:
    async def has_come() -> bool:
        return (await report(krt, around, event))["state"] == state

    await until_on_wall_clock(has_come)
    return await report(krt, around, event)


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
async def test_T4_a_worker_that_is_stopped_says_that_its_cluster_leaves(around: Around, signal: Signals):
    """Seen to fail with nothing said at the end."""
    async with a_worker(around) as worker:
        assert (await worker.stopped(signal))[0] == 0
        assert worker.said("cluster_left")
    assert await have_left(around) == {"default": True}


async def test_T4_a_worker_that_is_killed_says_nothing(around: Around):
    """Seen to fail with every group that is silent taken for one that has left."""
    async with a_worker(around) as worker:
        await worker.stopped(SIGKILL)
    assert await have_left(around) == {"default": False}


async def test_T4_a_worker_that_crashes_says_nothing(around: Around):
    """Seen to fail with it said wherever the role ends."""
    async with program("-m", "tests.daemon.dying", "worker", environ=around.of("worker")) as worker:
        assert await worker.ended() == 1
    assert "ZeroDivisionError: a bug, for the test" in worker.err
    assert await have_left(around) == {"default": False}


async def test_T4_an_update_with_two_workers_for_a_moment_says_nothing(around: Around):
    """Seen to fail with others not looked at."""
    async with a_worker(around) as old, a_worker(around) as new:

        async def both_are_known() -> bool:
            async with open_client(parse_endpoint(around.valkey.address)) as client:
                return await client.call("HLEN", KEYS.alive) == 3

        await until_on_wall_clock(both_are_known)
        await old.stopped()
        assert await have_left(around) == {"default": False}
        assert not old.said("cluster_left")
        await new.stopped()
    assert await have_left(around) == {"default": True}


async def test_T4_a_worker_that_is_stopped_before_it_was_there_says_nothing(around: Around):
    """Seen to fail with it said before the name was claimed."""
    await around.valkey.stop()
    async with process("worker", environ=around.of("worker")) as worker:
        await worker.wait_said("started")
        assert (await worker.stopped())[0] == 0
    assert not worker.said("cluster_left")


async def test_T4_an_update_with_one_worker_loses_no_event(around: Around):
    """What is accepted in between waits, and is no success before. Seen to fail with `left` kept at the start."""
    web = {**around.environ, "KRT_ADMIN_ADDR": "127.0.0.1:0"}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(around.stand_in.cluster.roll_out)
        async with running("web", {name: text for name, text in web.items() if name != "KUBECONFIG"}) as krt:
            async with a_worker(around) as worker:
                await worker.stopped()
            at_once = await post(krt, around)
            assert (await report(krt, around, at_once))["clusters"][0]["state"] == "waiting"
            await earlier(around, 62)
            later = await post(krt, around)
            seen = await report(krt, around, later)
            assert (seen["state"], [each["state"] for each in seen["clusters"]]) == ("accepted", ["left"])
            async with a_worker(around):
                for event in (at_once, later):
                    seen = await wait_state(krt, around, event, "ready")
                    assert [each["state"] for each in seen["clusters"]] == ["settled"]
        nursery.cancel_scope.cancel()


async def test_T4_a_cluster_that_has_left_reddens_no_job_and_gets_its_events_when_it_is_back(around: Around):
    """Seen to fail with `left` passed over: the event waited for it, and expired."""
    around.stand_in.cluster.add(deployment("blog", "blog", f"{IMAGE}:dev"))

    def is_restarted() -> bool:
        return MARK in around.stand_in.document("blog", "blog")["metadata"]["annotations"]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(around.stand_in.cluster.roll_out)
        async with a_worker(around, **EU) as eu:
            await eu.stopped()
        await earlier(around, 62)
        async with running("all", {**around.environ, "KRT_NAMESPACES": "shop"}) as krt:
            await until_on_wall_clock(krt.is_ready)

            async def is_known() -> bool:
                return "default" in await clusters(around)

            await until_on_wall_clock(is_known)
            await earlier_first(around)
            event = await post(krt, around)
            seen = await wait_state(krt, around, event, "ready")
            assert [(each["name"], each["state"]) for each in seen["clusters"]] == [
                ("default", "settled"),
                ("eu", "left"),
            ]
            assert not is_restarted()
            async with a_worker(around, **EU):
                await until_on_wall_clock(is_restarted)
            assert (await report(krt, around, event))["state"] == "ready"
        nursery.cancel_scope.cancel()


async def earlier_first(around: Around) -> None:
    """The living cluster has been there for an hour."""
    async with open_client(parse_endpoint(around.valkey.address)) as client:
        for group, sighting in (await seen_clusters(client, KEYS)).groups.items():
            times = f"{sighting.first - 3600:.0f} {sighting.last:.0f} 0"
            await client.call("HSET", KEYS.alive, group, f"{times} {sighting.presence.to_json()}")


async def test_a_cluster_that_has_left_is_listed_so(around: Around):
    async with a_worker(around) as worker:
        await worker.stopped()
    done = await finished("cluster", "list", environ={"VALKEY_ADDR": around.valkey.address})
    assert (done.returncode, done.stdout.splitlines()[1].split()[:2]) == (0, ["default", "left"])
