"""A bundle on two clusters, beside a bare client's same applies: one cluster and one instance after the other."""

import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from statistics import median
from time import perf_counter

from krt.cli.fleet import ClusterAccess
from krt.cli.fleet_outcome import ClusterOutcome, FleetOutcome, InstanceOutcome
from krt.cli.fleet_plan import PlannedCluster
from krt.cli.fleet_run import FleetRun
from krt.client.console import Console
from krt.cluster.access import load_access
from krt.core.fleet.bundle import Instance, Module
from krt.core.fleet.runtime import RuntimeCluster
from krt.core.kube.manifest import read_manifest
from krt.delivery.at_once import MOST_AT_ONCE
from krt.delivery.instance_delivery import InstanceWishes, PlannedInstance
from krt.delivery.instance_objects import InstanceObjects
from tests.apiserver.control_plane import ControlPlane
from tests.bench.bare import bare
from tests.bench.delivery import applied_by, namespace_of, objects_in
from tests.bench.figures import Figures
from tests.bench.servers import Servers

_numbers = itertools.count(1)


async def bundle(servers: Servers, figures: Figures, *, instances: int, objects: int, rounds: int) -> None:
    """Each round has namespaces of its own for each program: they come with the first run."""
    part = f"{instances} instances of {objects} objects on two clusters"
    took: dict[str, list[float]] = {}
    assert servers.control_plane is not None
    async with _second(servers.folder) as second:
        planes = (servers.control_plane, second)
        for _ in range(rounds):
            for name, measure in (("bare", _bare), ("krt", _krt)):
                spaces = [f"fleet-{next(_numbers)}" for _ in range(instances)]
                for turn in ("first", "unchanged"):
                    took.setdefault(f"{name}, {turn}", []).append(await measure(planes, spaces, objects))
                await _clear(planes, spaces)
    for name, each in took.items():
        figures.note(part, f"{name}, s", round(median(each), 2))
    for turn in ("first", "unchanged"):
        pairs = zip(took[f"krt, {turn}"], took[f"bare, {turn}"], strict=True)
        figures.ratio(part, f"{turn}, krt to bare", median(a / b for a, b in pairs), at_most=1.5)


@asynccontextmanager
async def _second(folder: Path) -> AsyncIterator[ControlPlane]:
    (folder / "second").mkdir()
    plane = ControlPlane(folder / "second")
    try:
        plane.etcd.spawn()
        plane.apiserver.spawn()
        await plane.wait_ready()
        yield plane
    finally:
        plane.stop()


async def _bare(planes: tuple[ControlPlane, ...], spaces: list[str], objects: int) -> float:
    began = perf_counter()
    for plane in planes:
        async with bare(plane, connections=MOST_AT_ONCE) as client:
            for space in spaces:
                await applied_by(client.client, [namespace_of(space), *objects_in(space, objects)])
    return perf_counter() - began


async def _krt(planes: tuple[ControlPlane, ...], spaces: list[str], objects: int) -> float:
    clusters = [_cluster(f"c{number}", plane, spaces, objects) for number, plane in enumerate(planes)]
    outcome, console = FleetOutcome("apply", clusters), Console(sys.stdout, StringIO())
    began = perf_counter()
    await FleetRun(outcome, InstanceWishes(300), console).run()
    took = perf_counter() - began
    assert outcome.code == 0, outcome.problems
    return took


def _cluster(name: str, plane: ControlPlane, spaces: list[str], objects: int) -> ClusterOutcome:
    access = ClusterAccess(RuntimeCluster(name, "bench", name), *load_access(plane.kubeconfig))
    planned = [PlannedInstance(*_instance(space), None, "", _objects(space, objects)) for space in spaces]
    return ClusterOutcome(PlannedCluster(access, "bench", tuple(planned)), [InstanceOutcome(each) for each in planned])


def _instance(space: str) -> tuple[Instance, str]:
    return Instance(space, space, Module("bench", "", ""), {}), "bench"


def _objects(space: str, objects: int) -> InstanceObjects:
    return InstanceObjects("bench", (tuple(map(read_manifest, objects_in(space, objects))),))


async def _clear(planes: tuple[ControlPlane, ...], spaces: list[str]) -> None:
    for plane in planes:
        async with plane.admin_client() as admin:
            for space in spaces:
                await admin.delete(f"/api/v1/namespaces/{space}")
