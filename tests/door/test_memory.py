"""What strangers and those who wait take of a krt web's memory, at the most. Prints its figures: pytest -s."""

import json
import resource
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import trio

from tests.door.door import PROXY, Door, request
from tests.door.process import krt_web
from tests.door.surroundings import Surroundings

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PEERS = [f"127.0.1.{number}" for number in range(1, 31)]
MOST = 1536  # connections


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4000, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def alone(around: Surroundings, environ: dict[str, str], tmp_path: Path) -> Iterator[Door]:
    """A process whose memory nobody else has used."""
    with krt_web(tmp_path, environ) as process:
        yield Door(around, process)


async def hold(door: Door, held: AsyncExitStack, sent: bytes, number: int, sources: list[str]) -> None:
    """So many connections that all send at once."""

    async def send(stream: trio.SocketStream) -> None:
        with trio.move_on_after(1), suppress(trio.BrokenResourceError):  # who has been refused takes in no more
            await stream.send_all(sent)

    streams = [
        await held.enter_async_context(await door.connect(sources[turn % len(sources)])) for turn in range(number)
    ]
    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(send, stream)


def told(what: str, door: Door, before: int) -> float:
    """How much more there is than before, in MB."""
    after = door.process.resident_bytes()
    print(f"{what}: {before / 1e6:.0f} MB and {(after - before) / 1e6:.1f}")
    return (after - before) / 1e6


def half_a_head(size: int) -> bytes:
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"a" * (size // 2)) for number in range(2))
    return b"POST /event HTTP/1.1\r\nHost: krt.example\r\n" + lines


@pytest.mark.parametrize("size", [0, 2_500, 15_000, 22_000])
async def test_heads_without_an_end_take_little_memory_and_nobodys_place(size: int, alone: Door) -> None:
    await alone.assert_open()
    before = alone.process.resident_bytes()
    for _ in range(2):
        async with AsyncExitStack() as held:
            await hold(alone, held, half_a_head(size) if size else b"P", 1_500, PEERS)
            for _ in range(5):
                assert (await alone.exchange(alone.good(), source="127.0.0.2")).status == 202
                assert (await alone.exchange(alone.good(), source=PROXY)).status == 202
            await trio.sleep(0.5)  # for the process to read what was sent: nothing shows that it has
            assert told(f"1,500 heads of {size} bytes", alone, before) < 30


async def test_all_together_have_so_many_connections_and_no_more(alone: Door) -> None:
    async with AsyncExitStack() as held:
        await hold(alone, held, b"P", MOST + 60, PEERS)
        await alone.metric_comes_to(60, "krt_transport_denials_total", reason="too-many-connections")
        assert await alone.metric("krt_connections_open") == MOST
    await alone.metric_comes_to(0, "krt_connections_open")
    await alone.assert_open()


async def test_calls_that_wait_take_as_much_memory_as_the_settings_say(alone: Door) -> None:
    event = json.loads((await alone.exchange(alone.good(repository_id="33"))).body)["id"]
    token = alone.token(repository_id="33", padding="x" * 1_000)  # as long as GitHub's
    poll = request(method=b"GET", path=b"/events/" + event.encode() + b"?wait=25", body=b"", token=token)
    before = alone.process.resident_bytes()
    async with AsyncExitStack() as held:
        await hold(alone, held, poll, 1_000, [PROXY])
        await alone.metric_comes_to(1_000, "krt_connections_open")
        await trio.sleep(1)  # for the process to read what was sent: nothing shows that it has
        assert told("1,000 calls that wait", alone, before) < 65
        await alone.assert_open()
