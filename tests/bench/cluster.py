"""From an event to its patch, and from a start to ready: on the real API server, beside a bare client's same work."""

from statistics import median
from time import perf_counter, time

import trio

from krt.serving.address import Address
from tests.bench import fleet
from tests.bench.bare import Bare, bare
from tests.bench.costs import Costs, costs
from tests.bench.figures import Figures, in_milliseconds
from tests.bench.knock import Answers, closed_loop, knock
from tests.bench.processes import Program, program, seconds_of
from tests.bench.servers import Servers

WIDE = 16  # KRT_PARALLEL_PATCHES
_DEADLINE_SECONDS = 5
# Nobody here finishes rollouts: so long they are followed, which is to be over when the next bare patch is measured.
_SHORT = {"KRT_ROLLOUT_DEADLINE": f"{_DEADLINE_SECONDS}s"}


async def cluster(servers: Servers, figures: Figures, *, deployments: int, events: int, rounds: int) -> None:
    """Everything that is measured with so many Deployments."""
    assert servers.fleet is not None
    assert servers.control_plane is not None
    await servers.fleet.grow(deployments)
    part = f"{deployments:,} Deployments"
    figures.note(part, "bytes of each, as JSON", servers.fleet.object_bytes)
    await _starts(servers, figures, part, rounds)
    async with (
        program(servers.folder, "krt", "web", environ=servers.environ("web")) as web,
        program(servers.folder, "krt", "worker", environ=servers.environ("worker") | _SHORT) as worker,
        bare(servers.control_plane) as client,
        trio.open_nursery() as nursery,
    ):
        await client.list()
        await nursery.start(client.follow)
        await web.wait("ready")
        await worker.wait("ready")
        at = await web.address()
        figures.note(part, "worker's memory when ready, MB", worker.memory()[0])
        lists = len(worker.all("scope_listed"))
        await _one_by_one(servers, figures, part, at, client, events)
        burst = min(1000, deployments, fleet.OWN_IMAGES)
        spent = costs(servers, web=web, worker=worker)
        await _burst(servers, figures, part, at, client, spent, burst, rounds)
        await _burst_on_one(servers, figures, part, at, worker, client, burst)
        figures.note(part, "lists for all these events", len(worker.all("scope_listed")) - lists)
        figures.note(part, "worker's memory afterwards and at most, MB", worker.memory())
        nursery.cancel_scope.cancel()


async def _starts(servers: Servers, figures: Figures, part: str, rounds: int) -> None:
    """First byte of the list to ready, beside the bare list; how long the loop was held meanwhile."""
    assert servers.control_plane is not None
    ratios, took, bares, befores, held = [], [], [], [], []
    for _ in range(rounds):
        async with bare(servers.control_plane) as client:
            bares.append(await client.list())
        began = time()
        async with program(
            servers.folder, "tests.bench.observed", "worker", environ=servers.environ("worker")
        ) as worker:
            ready = seconds_of(await worker.wait("ready"))
            first = seconds_of(await worker.wait("list_began"))
            lags = [line["processor"] for line in worker.all("loop_held") if seconds_of(line) >= first]
        befores.append(first - began)
        took.append(ready - first)
        held.append(max(lags, default=0.0))
        ratios.append(took[-1] / bares[-1])
    figures.note(part, "process start to the list's first byte, s", round(median(befores), 2))
    figures.note(part, "first byte to ready, s", round(median(took), 2))
    figures.note(part, "the bare list, s", round(median(bares), 2))
    figures.ratio(part, "first byte to ready, krt to bare", median(ratios), at_most=1.3)
    figures.ratio(part, "longest hold of the loop while listing, ms of processor time", median(held), at_most=25)


async def _one_by_one(servers: Servers, figures: Figures, part: str, at: Address, client: Bare, events: int) -> None:
    """One event, one bare patch, one event … each of another Deployment; both end when a watch hears of the patch."""
    answers = Answers()
    waited: dict[str, list[float]] = {"accepted to patch": [], "call to patch": [], "bare patch": []}
    for turn in range(events):
        number = turn % min(servers.fleet.size, fleet.OWN_IMAGES)  # type: ignore[union-attr]
        name, request = fleet.name(number), servers.knock(fleet.image(number))
        began = perf_counter()
        accepted = await knock(at, request, answers)
        heard = await _heard(client, name, began)
        waited["accepted to patch"].append(max(0.0, heard - accepted))
        waited["call to patch"].append(heard - began)
        await trio.sleep(0.01)
        began = perf_counter()
        await client.patch(name)
        waited["bare patch"].append(await _heard(client, name, began) - began)
        await trio.sleep(0.01)
    assert answers.count(202) == events, answers.statuses
    for kind, seconds in waited.items():
        figures.note(part, f"idle: {kind}", in_milliseconds(seconds))
    ratio = median(waited["accepted to patch"]) / median(waited["bare patch"])
    figures.ratio(part, "idle: accepted to patch, krt to bare, p50", ratio, at_most=1.5)


async def _burst(
    servers: Servers, figures: Figures, part: str, at: Address, client: Bare, spent: Costs, size: int, rounds: int
) -> None:
    """Each event of another Deployment, all at once; and as many bare patches, as many at a time."""
    ratios, of_costs, names = [], [], [fleet.name(number) for number in range(size)]
    for _ in range(rounds):
        ended = spent.measure()
        began = perf_counter()
        waiting = iter(names)
        async with trio.open_nursery() as nursery:
            for _ in range(WIDE):
                nursery.start_soon(_patch_all, client, waiting)
        await client.wait(lambda since=began: all(client.seen.get(name, 0) >= since for name in names))
        bare_seconds = perf_counter() - began
        bare_costs = ended(size)
        requests = [servers.knock(fleet.image(number)) for number in range(size)]
        await trio.sleep(1)
        ended = spent.measure()
        began = perf_counter()
        answers = await closed_loop(at, iter(requests), clients=WIDE)
        assert answers.count(202) == size, answers.statuses
        await client.wait(lambda since=began: all(client.seen.get(name, 0) >= since for name in names))
        krt_seconds = perf_counter() - began
        krt_costs = ended(size)
        ratios.append(krt_seconds / bare_seconds)
        of_costs.append(krt_costs["all"] / bare_costs["all"])
        await trio.sleep(_DEADLINE_SECONDS + 5)  # events stay in hand until the index is fresh, and are followed
    figures.note(part, f"burst of {size} Deployments: krt, first call to last patch, s", round(krt_seconds, 2))
    figures.note(part, f"burst of {size} Deployments: all accepted after, s", round(answers.took_seconds, 2))
    figures.note(part, f"burst of {size} Deployments: bare, s", round(bare_seconds, 2))
    figures.ratio(part, f"burst of {size} Deployments, krt to bare", median(ratios), at_most=1.5)
    figures.note(part, "burst: CPU ms a bare patch", bare_costs)
    figures.note(part, "burst: CPU ms an event", krt_costs)
    figures.note(part, "burst: CPU of an event to that of a bare patch", round(median(of_costs), 2))
    waits = [client.seen[name] - began for name in names]
    figures.note(part, "burst: its first call to each patch", in_milliseconds(waits))


async def _burst_on_one(
    servers: Servers, figures: Figures, part: str, at: Address, worker: Program, client: Bare, size: int
) -> None:
    requests = [servers.knock(fleet.image(0)) for _ in range(size)]
    before = len(worker.all("workload_restarted"))
    settled = len(worker.all("event_settled"))
    began = perf_counter()
    answers = await closed_loop(at, iter(requests), clients=WIDE)
    assert answers.count(202) == size, answers.statuses
    accepted = perf_counter() - began
    await worker.wait("event_settled", settled + size)
    figures.note(part, f"{size} events on one image: accepted after, s", round(accepted, 2))
    figures.note(part, f"{size} events on one image: all settled after, s", round(perf_counter() - began, 2))
    figures.note(part, f"{size} events on one image: restarts", len(worker.all("workload_restarted")) - before)


async def _patch_all(client: Bare, names) -> None:
    for name in names:
        await client.patch(name)


async def _heard(client: Bare, name: str, since: float) -> float:
    await client.wait(lambda: client.seen.get(name, 0.0) >= since)
    return client.seen[name]
