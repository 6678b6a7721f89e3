"""What lasts: memory under a steady load and under idle connections, and the way back after a 410."""

from itertools import cycle
from time import perf_counter

import trio

from tests.bench import fleet
from tests.bench.figures import Figures
from tests.bench.knock import at_a_rate
from tests.bench.processes import program
from tests.bench.servers import Servers

_PER_SECOND = 20
_PARTS = 6
CONNECTIONS = 800


async def steady(servers: Servers, figures: Figures, *, seconds: float) -> None:
    """20 events a second over all Deployments; the memory of both roles as it goes."""
    assert servers.fleet is not None
    part = f"steady load, {_PER_SECOND}/s for {seconds:.0f} s, {servers.fleet.size:,} Deployments"
    short = {"KRT_ROLLOUT_DEADLINE": "10s"}  # nobody here finishes rollouts
    async with (
        program(servers.folder, "krt", "web", environ=servers.environ("web")) as web,
        program(servers.folder, "krt", "worker", environ=servers.environ("worker") | short) as worker,
    ):
        await web.wait("ready")
        await worker.wait("ready")
        at, numbers, held = await web.address(), cycle(range(min(servers.fleet.size, fleet.OWN_IMAGES))), []
        for _ in range(_PARTS):
            count = int(_PER_SECOND * seconds / _PARTS)
            requests = (servers.knock(fleet.image(next(numbers))) for _ in range(count))  # a token lives for minutes
            answers = await at_a_rate(at, requests, per_second=_PER_SECOND)
            assert answers.count(202) == count, answers.statuses
            held.append((web.memory()[0], worker.memory()[0]))
        figures.note(part, "web, MB after each sixth", [web_held for web_held, _ in held])
        figures.note(part, "worker, MB after each sixth", [worker_held for _, worker_held in held])
        figures.note(part, "most, MB: web, worker", (web.memory()[1], worker.memory()[1]))


async def resync(servers: Servers, figures: Figures) -> None:
    """The API server has forgotten where the watch was: until all is listed and watched again."""
    assert servers.control_plane is not None
    assert servers.fleet is not None
    part = f"resync after 410, {servers.fleet.size:,} Deployments"
    async with program(servers.folder, "tests.bench.observed", "worker", environ=servers.environ("worker")) as worker:
        await worker.wait("ready")
        before = worker.memory()[0]
        async with servers.control_plane.admin_client() as admin:  # what the worker does not watch moves on
            for number in range(5):
                body = {"metadata": {"name": f"moved-on-{number}-{int(perf_counter())}"}}
                (await admin.post("/api/v1/namespaces", json=body)).raise_for_status()
        await servers.control_plane.compact_etcd()
        await servers.control_plane.kill_apiserver()
        worker.all("loop_held")
        lags = len(worker.all("loop_held"))
        servers.control_plane.apiserver.spawn()
        await servers.control_plane.wait_ready()
        began = perf_counter()
        await worker.wait("scope_listed", 2)
        figures.note(
            part, "API server ready to listed anew, waiting between tries included, s", round(perf_counter() - began, 2)
        )
        figures.note(part, "memory before, after and at most, MB", (before, *worker.memory()))
        held = [line["processor"] for line in worker.all("loop_held")[lags:]]
        figures.ratio(part, "longest hold of the loop, ms of processor time", max(held, default=0.0), at_most=25)


async def connections(servers: Servers, figures: Figures) -> None:
    """Open connections that say nothing, twice: what the first ones cost stays for the next."""
    part = f"{CONNECTIONS} idle connections"
    async with program(servers.folder, "krt", "web", environ=servers.environ("web")) as web:
        await web.wait("ready")
        at = await web.address()
        before = web.memory()[0]
        for name in ("first time", "second time"):
            opened = []
            for _ in range(CONNECTIONS):
                client = trio.socket.socket()
                await client.connect((at.host, at.port))
                opened.append(client)
            await trio.sleep(1)
            figures.ratio(part, f"growth of memory the {name}, MB", web.memory()[0] - before, at_most=10)
            for client in opened:
                client.close()
            await trio.sleep(0.5)
