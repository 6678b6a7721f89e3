import random

import pytest
import trio

from krt.backoff import Backoff


def longest(_: float, most: float) -> float:
    return most


async def waits_of(retries: Backoff, count: int) -> list[float]:
    waits, before = [], trio.current_time()
    async for _ in retries:
        waits.append(round(trio.current_time() - before, 6))
        before = trio.current_time()
        if len(waits) == count:
            return waits
    raise AssertionError("it ended by itself")


async def test_the_first_attempt_does_not_wait_and_the_ceiling_doubles_up_to_the_most(autojump_clock):
    assert await waits_of(Backoff(0.5, 3, between=longest), 6) == [0, 0.5, 1, 2, 3, 3]


async def test_attempts_are_counted_from_one(autojump_clock):
    seen = []
    async for attempt in Backoff(1, 2):
        seen.append(attempt)
        if attempt == 3:
            break
    assert seen == [1, 2, 3]


async def test_after_a_reset_the_next_wait_is_as_short_as_the_first(autojump_clock):
    retries = Backoff(1, 60, between=longest)
    await waits_of(retries, 5)
    retries.reset()
    assert await waits_of(retries, 3) == [1, 2, 4]


@pytest.mark.parametrize("seed", range(5))
async def test_waits_are_spread_between_nothing_and_the_ceiling(autojump_clock, seed):
    waits = await waits_of(Backoff(1, 8, between=random.Random(seed).uniform), 200)
    late = waits[10:]
    assert all(0 <= wait <= 8 for wait in waits)
    assert min(late) < 1
    assert max(late) > 7


async def test_after_days_of_failures_the_ceiling_is_still_a_number(autojump_clock):
    retries = Backoff(0.1, 10, between=lambda low, high: 0 if high == 10 else high)
    assert sum(await waits_of(retries, 5000)) < 20


async def test_a_wait_can_be_cancelled(autojump_clock):
    with trio.move_on_after(5) as scope:
        await waits_of(Backoff(60, 60, between=longest), 2)
    assert scope.cancelled_caught
