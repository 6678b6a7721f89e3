"""An App with 500 Deployments (at TEST_SIZE=1): a changed value, the writes in a second, the controller's memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import pytest
import trio

from krt.delivery.at_once import each
from tests.apiserver.objects import a_deployment
from tests.controller.own_process import megabytes_of, open_controller
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.sizes import SIZE, sized
from tests.fault.krt_process import Krt

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.apiserver]

DEPLOYMENTS = sized(500)
MOST_MEGABYTES = 90 + 30 * SIZE
WRITES_PER_SECOND, BURST = 20, 200


@dataclass
class Crowd:
    """The controller is a process of its own, behind a proxy that keeps its requests."""

    desk: SecretsDesk
    krt: Krt
    proxy: HttpsProxy
    names: tuple[str, ...] = tuple(f"d{number}" for number in range(DEPLOYMENTS))
    most_megabytes: float = 0.0
    writes: list[str] = field(default_factory=list)

    async def deploy(self, name: str) -> bool:
        await self.desk.server.apply(a_deployment(name, namespace=self.desk.namespace, replicas=0))
        return True

    @property
    def megabytes(self) -> float:
        return megabytes_of(self.krt, "VmRSS")

    async def until_all_have(self, stamp_before: str) -> str:
        """Until the status says that all are delivered with another digest; returns it."""

        async def is_so() -> bool:
            await trio.sleep(0.5)
            self.most_megabytes = max(self.most_megabytes, self.megabytes)
            status = await self.desk.status()
            digests = {each["digest"] for each in status.get("deployments", ())}
            is_whole = status.get("delivered") == f"{DEPLOYMENTS}/{DEPLOYMENTS}"
            return is_whole and len(digests) == 1 and digests != {stamp_before}

        await until_on_wall_clock(is_so, within_seconds=900)
        return str((await self.desk.status())["deployments"][0]["digest"])

    def count(self) -> int:
        """The writes since the last count, without those for the Lease."""
        every = [str(one) for one in self.proxy.faults.requests]
        self.proxy.faults.requests.clear()
        self.writes = [
            one for one in every if not one.startswith("GET") and "/leases" not in one and "reviews" not in one
        ]
        return len(self.writes)


@pytest.fixture
async def crowd(secrets: SecretsDesk, api_proxy: HttpsProxy, tmp_path: Path) -> AsyncIterator[Crowd]:
    async with open_controller(
        secrets.server, secrets.namespace, tmp_path, "secrets", proxy=api_proxy, is_measured=True
    ) as krt:
        yield Crowd(secrets, krt, api_proxy)


async def test_a_changed_value_reaches_every_deployment_within_the_caps(
    crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = crowd.desk
    await crowd.krt.wait_ready()
    await each(crowd.names, crowd.deploy)
    await desk.put(KEY="one", OTHER="x" * 2000)
    crowd.count()
    await desk.link(*crowd.names)
    began = perf_counter()
    first = await crowd.until_all_have("")
    first_seconds, first_writes = perf_counter() - began, crowd.count()
    await trio.sleep(15)
    crowd.count()
    assert [one for one in crowd.writes if "/events" not in one] == []  # Events may still come, one after another
    before = {name: await desk.generation(name) for name in crowd.names[::50]}
    began = perf_counter()
    await desk.put(KEY="two", OTHER="x" * 2000)
    await crowd.until_all_have(first)
    seconds, writes = perf_counter() - began, crowd.count()
    with capsys.disabled():
        print(f"first: {first_writes} writes in {first_seconds:.0f} s; change: {writes} writes in {seconds:.0f} s")
        print(f"RSS {crowd.most_megabytes:.1f} MB")
    for name, generation in before.items():
        assert await desk.generation(name) == generation + 1
    assert writes <= BURST + WRITES_PER_SECOND * (seconds + 1)
    assert crowd.most_megabytes < MOST_MEGABYTES
