"""J4 of docs/correctness.md with whole processes: what frees room at a full Valkey needs no room itself."""

import re

import pytest
from trio.testing import MockClock

from krt.broker.client import Client, open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.keys import Keys
from krt.dev.cluster import Fault
from krt.errors import BrokerRefused
from tests.fakes.around import Around, running
from tests.fakes.pace import hurried
from tests.fakes.polling import until_on_wall_clock

KEYS = Keys("krt")
DAY_SECONDS = 24 * 3600
ENTRIES = 200


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    mock_clock.rate = hurried(10)
    return mock_clock


async def fill(client: Client) -> None:
    """What was written yesterday takes all the room there is."""
    seconds = int((await client.call("TIME"))[0]) - DAY_SECONDS - 60
    for number in range(ENTRIES):
        await client.call("XADD", KEYS.journal, f"{seconds}000-{number}", "schema", "0" * 10_000)
    used = int(re.search(rb"used_memory:(\d+)", await client.call("INFO", "memory"))[1])
    await client.call("CONFIG", "SET", "maxmemory", used - ENTRIES * 5_000)
    with pytest.raises(BrokerRefused, match="OOM"):
        await client.call("SET", "x", "1")


async def is_empty(client: Client) -> bool:
    return await client.call("XLEN", KEYS.journal) == 0


async def known_as(client: Client, _: Around) -> None:
    """An earlier build's record of the name."""
    await client.call("SET", KEYS.cluster("default"), "0" * 64)


async def with_a_group(client: Client, _: Around) -> None:
    """Of another scope: this one's is still to be made."""
    await client.call("XGROUP", "CREATE", KEYS.journal, "default:00000000", "0", "MKSTREAM")


async def nothing(_: Client, __: Around) -> None:
    pass


async def without_api_server(_: Client, around: Around) -> None:
    """It is away at the start; what ends that is the room at Valkey, in this test."""
    around.stand_in.cluster.faults.add(Fault(status=503), times=None)


CASES = {
    "a worker of a new cluster": ("worker", {}, nothing),
    "of another name": ("worker", {"KRT_CLUSTER": "eu"}, nothing),
    "of another scope": ("worker", {"KRT_NAMESPACES": "shop"}, with_a_group),
    "that replaces a cluster": ("worker", {"KRT_CLUSTER_REPLACE": "true"}, known_as),
    "without an API server": ("worker", {}, without_api_server),
    "all in one": ("all", {}, nothing),
}


@pytest.mark.parametrize(("role", "own", "before"), CASES.values(), ids=CASES)
async def test_J4_krt_that_is_started_at_a_full_valkey_makes_room_and_works(around, clock, role, own, before):
    """Seen to fail with the trimming begun after the name of the cluster was claimed."""
    async with open_client(parse_endpoint(around.valkey.address)) as client:
        await before(client, around)
        await fill(client)
        async with running(role, {**around.of(role), **own} if role != "all" else around.environ) as krt:
            await until_on_wall_clock(lambda: is_empty(client))
            around.stand_in.cluster.faults.clear()
            await until_on_wall_clock(krt.is_ready)
