"""Writes within bounds: few at a time, and in the long run not more than so many a second."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from krt.cluster import bounded
from krt.cluster.bounded import BoundedTransport, WriteBounds
from krt.cluster.transport import Transport


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """The calls that reach the API server, each of which takes a second."""
    found: list[tuple[str, float]] = []

    async def ask(_: Transport, method: str, _path: str, **_more: Any) -> tuple[int, bytes]:
        found.append((method, trio.current_time()))
        await trio.sleep(1.0)
        return 200, b""

    monkeypatch.setattr(bounded.Transport, "ask", ask)
    return found


async def send(transport: Transport, count: int, method: str, **more: Any) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(lambda: transport.ask(method, "/", **more))


async def test_writes_wait_for_a_turn_and_for_their_time(
    calls: list[tuple[str, float]], autojump_clock: MockClock
) -> None:
    bounds = WriteBounds(8, per_second=2.0, burst=10)
    one, other = (BoundedTransport(None, None, bounds) for _ in range(2))  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: send(one, 20, "PATCH"))
        nursery.start_soon(lambda: send(other, 20, "DELETE"))
    times = [at for _, at in calls]
    assert sum(at < 1.0 for at in times) == 8  # two transports share the bound
    assert all(sum(start <= at < start + 1.0 for at in times) <= 8 for start in times)
    assert max(times) == pytest.approx((40 - 10) / 2, abs=1.5)


async def test_reads_never_wait_and_dry_runs_only_for_a_turn(
    calls: list[tuple[str, float]], autojump_clock: MockClock
) -> None:
    transport = BoundedTransport(None, None, WriteBounds(8, per_second=1.0, burst=1))  # type: ignore[arg-type]
    await send(transport, 30, "GET")
    assert {at for _, at in calls} == {0.0}
    calls.clear()
    await send(transport, 16, "PATCH", params={"dryRun": "All"})
    assert [at for _, at in calls] == [1.0] * 8 + [2.0] * 8
