"""Fifty BundleDeployments (at TEST_SIZE=1) of 100 objects: a controller's memory, and its time for a new version."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pytest
import trio

from krt.cluster.access import http_client, load_access
from krt.cluster.objects import Body
from krt.cluster.transport import Transport
from krt.core.bundle.pack import pack
from krt.core.bundle.plain import objects_of
from krt.core.bundle.tree import FileTree
from krt.core.delivery.ownership import Owner
from krt.delivery.deliver import deliver
from krt.delivery.order import Delivery, End
from krt.proxies import proxies_of
from krt.sources.pull import pull
from krt.sources.reference import parse_reference
from krt.sources.registry import open_registry
from tests.controller.desk import Desk
from tests.controller.own_process import megabytes_of, open_controller
from tests.controller.sources import files_of
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.sizes import SIZE, sized
from tests.fault.krt_process import Krt
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.apiserver, pytest.mark.registry]

DEPLOYMENTS, OBJECTS = sized(50), 100
MOST_MEGABYTES = 88 + 12 * SIZE  # each BundleDeployment takes a quarter of a megabyte


@dataclass
class Fleet:
    """The controller is a process of its own, behind a proxy that keeps its requests."""

    desk: Desk
    krt: Krt
    proxy: HttpsProxy
    registry: RegistryServer

    def name(self, number: int) -> str:
        return f"{self.desk.namespace}-{number}"

    def ref(self, number: int) -> str:
        return f"{self.registry.host}/{self.name(number)}:main"

    def objects(self, number: int, version: str) -> list[Body]:
        return [self.desk.config_map(f"c{number}-{each}", v=version, text="x" * 500) for each in range(OBJECTS)]

    async def push(self, number: int, version: str) -> str:
        image = pack(files_of(*self.objects(number, version)))
        await pushed(self.ref(number), image)
        return image.digest

    async def until_all_installed(self) -> None:
        for number in range(DEPLOYMENTS):

            async def is_so(name: str = self.name(number)) -> bool:
                await trio.sleep(0.2)
                return await self.desk.is_installed(name=name)

            await until_on_wall_clock(is_so, within_seconds=1800)

    @property
    def megabytes(self) -> float:
        """The resident memory of the controller, at present."""
        return megabytes_of(self.krt, "VmRSS")

    @property
    def writes(self) -> list[str]:
        every = [str(each) for each in self.proxy.faults.requests]
        return [
            each for each in every if not each.startswith("GET") and "/leases" not in each and "reviews" not in each
        ]


@pytest.fixture
async def fleet(desk: Desk, api_proxy: HttpsProxy, registry: RegistryServer, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with open_controller(
        desk.server, desk.namespace, tmp_path, "bundles", proxy=api_proxy, is_measured=True
    ) as krt:
        await krt.wait_ready()
        yield Fleet(desk, krt, api_proxy, registry)


async def test_many_deployments_of_a_hundred_objects(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Less than 100 MB; no write while nothing changes; an announced version does not wait for its turn among many.

    docs/performance.md has the time of an announced version beside a bare apply; others use the machine here.
    """
    desk = fleet.desk
    began = perf_counter()
    for number in range(DEPLOYMENTS):
        await fleet.push(number, "1")
        await desk.deploy(fleet.ref(number), name=fleet.name(number))
    await fleet.until_all_installed()
    installed_seconds, megabytes = perf_counter() - began, fleet.megabytes
    with capsys.disabled():
        print(f"installed in {installed_seconds:.0f} s; RSS {megabytes:.1f} MB")
    fleet.proxy.faults.requests.clear()
    await trio.sleep(30)
    assert fleet.writes == []
    own, bare = await announced(fleet), await applied_bare(fleet)
    with capsys.disabled():
        print(f"RSS {fleet.megabytes:.1f} MB")
        print(f"announced and applied in {own:.2f} s, pulled and applied in {bare:.2f} s: {own / bare:.2f} times")
    assert max(megabytes, fleet.megabytes) < MOST_MEGABYTES
    assert own < 5 * bare


async def announced(fleet: Fleet) -> float:
    """Seconds from an announcement to the end of its delivery."""
    middle = DEPLOYMENTS // 2
    digest, name = await fleet.push(middle, "2"), fleet.name(middle)
    began = perf_counter()
    await fleet.desk.annotate(name, krt_announced="e1")

    async def is_so() -> bool:
        return await fleet.desk.is_installed(name=name, handled="e1", digest=digest)

    await until_on_wall_clock(is_so)
    return perf_counter() - began


async def applied_bare(fleet: Fleet) -> float:
    """Seconds for the pull and the applies of a bundle of that size, by the same functions, without a controller."""
    await pushed(f"{fleet.registry.host}/bare:main", pack(files_of(*fleet.objects(99, "1"))))
    reference = parse_reference(f"{fleet.registry.host}/bare:main")
    access = load_access(fleet.desk.server.control_plane.kubeconfig)
    context = ssl.create_default_context()
    async with http_client(access[0], connections=40) as client:
        transport, seconds = Transport(client, access[1]), 0.0
        for version in ("1", "2"):  # the second one changes each object, as the announced one does
            await pushed(str(reference), pack(files_of(*fleet.objects(99, version))))
            began = perf_counter()
            async with open_registry(reference, None, verify=context, proxies=proxies_of({})) as registry:
                files: FileTree = (await pull(registry, reference)).tree
            order = Delivery(Owner("Bundle", "bare"), objects_of(files), fleet.desk.namespace)
            assert (await deliver(transport, order, lambda _: None)).end is End.READY
            seconds = perf_counter() - began
    return seconds
