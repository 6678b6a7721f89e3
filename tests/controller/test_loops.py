"""One task for each object: the newest state wins, failures are tried again with pauses, four run at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.controller.loops import AT_ONCE, Loops, Next, Turns
from krt.errors import ClusterUnavailable
from krt.sources.errors import SourceUnavailable


@dataclass
class Work:
    """Runs of a reconciler: when each began, and how it ends. `seconds` is how long one takes."""

    ends: list[Next | Exception] = field(default_factory=list)
    seconds: float = 0.0
    began: list[tuple[str, float]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    waits: Turns | None = None

    async def reconcile(self, name: str) -> Next:
        self.began.append((name, trio.current_time()))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.waits:
                async with self.waits.given_away():
                    self.running -= 1
                    await trio.sleep(self.seconds)
                    self.running += 1
            else:
                await trio.sleep(self.seconds)
        finally:
            self.running -= 1
        end = self.ends.pop(0) if self.ends else Next.LOOK
        if isinstance(end, Exception):
            raise end
        return end

    @property
    def times(self) -> list[float]:
        return [at for _, at in self.began]


@asynccontextmanager
async def loops_of(work: Work, turns: Turns | None = None) -> AsyncIterator[Loops[str]]:
    async with trio.open_nursery() as nursery:
        yield Loops("Thing", nursery, turns or Turns(), work.reconcile)
        nursery.cancel_scope.cancel()


async def test_an_object_that_is_settled_gets_a_full_look_every_ten_minutes(autojump_clock: MockClock) -> None:
    work = Work()
    async with loops_of(work) as loops:
        loops.wake("a")
        await trio.sleep(1300)
    assert len(work.times) in {2, 3}
    assert 540 <= work.times[1] - work.times[0] <= 660


async def test_failures_are_tried_again_after_pauses_that_double_up_to_five_minutes(autojump_clock: MockClock) -> None:
    work = Work(ends=[ClusterUnavailable("away")] * 12)
    async with loops_of(work) as loops:
        loops.wake("a")
        await trio.sleep(2000)
    pauses = [after - before for before, after in zip(work.times, work.times[1:], strict=False)][:11]
    for number, pause in enumerate(pauses):
        usual = min(2.0**number, 300.0)
        assert 0.8 * usual <= pause <= 1.2 * usual


async def test_the_pause_that_a_server_asks_for_is_kept(autojump_clock: MockClock) -> None:
    """Seen to fail with the pause of the backoff alone."""
    work = Work(ends=[SourceUnavailable("busy", retry_after_seconds=60.0)])
    async with loops_of(work) as loops:
        loops.wake("a")
        await trio.sleep(100)
    assert 48 <= work.times[1] - work.times[0] <= 72


async def test_news_cancels_a_run_and_ends_a_pause(autojump_clock: MockClock) -> None:
    """Seen to fail with a run that is not cancelled."""
    work = Work(ends=[Next.RETRY] * 8, seconds=100.0)
    async with loops_of(work) as loops:
        loops.wake("a")
        await trio.sleep(5)
        loops.wake("a")  # in the middle of the first run
        await trio.sleep(120)
        loops.wake("a")  # in the middle of another one
        await trio.sleep(1)
    assert work.times[:2] == [0.0, 5.0]
    assert work.times[-1] == 125.0


async def test_a_nudge_lets_a_run_go_on_and_ends_a_pause(autojump_clock: MockClock) -> None:
    """Seen to fail with a wake in its place, and with a stir."""
    work = Work(ends=[Next.RETRY] * 8, seconds=100.0)
    async with loops_of(work) as loops:
        loops.nudge("a")
        await trio.sleep(5)
        loops.nudge("a")  # in the middle of the first run
        await trio.sleep(195.5)  # the pause after the second one has 0.8 s at least
        loops.nudge("a")
        await trio.sleep(1)
    assert work.times == [0.0, 100.0, 200.5]


async def test_a_stir_ends_the_rest_of_a_settled_object_and_no_pause_after_a_failure(autojump_clock: MockClock) -> None:
    work = Work(ends=[Next.LOOK, Next.RETRY, Next.LOOK])
    async with loops_of(work) as loops:
        loops.wake("a")
        await trio.sleep(10)
        loops.stir("a")
        await trio.sleep(0.5)
        assert len(work.times) == 2
        loops.stir("a")
        await trio.sleep(0.25)
        assert len(work.times) == 2  # the pause of 0.8 s at least goes on


async def test_changes_during_a_run_cause_one_more(autojump_clock: MockClock) -> None:
    """Seen to fail with a stir during a run that counts for nothing."""
    work = Work(seconds=10.0)
    async with loops_of(work) as loops:
        loops.wake("a")
        await trio.sleep(5)
        for _ in range(20):
            loops.stir("a")
        await trio.sleep(30)
    assert len(work.times) == 2


async def test_an_object_that_is_gone_has_no_task(autojump_clock: MockClock) -> None:
    work = Work(ends=[Next.END])
    async with loops_of(work) as loops:
        loops.wake("a")
        await wait_all_tasks_blocked()
        assert len(loops) == 0
        loops.stir("a")
        loops.wake("a")
        await wait_all_tasks_blocked()
        assert len(work.times) == 2


@pytest.mark.parametrize("gives_away", [False, True])
async def test_four_run_at_a_time_and_those_that_only_wait_do_not_count(
    autojump_clock: MockClock, gives_away: bool
) -> None:
    """Seen to fail with a turn that is kept while its run waits."""
    turns = Turns()
    work = Work(seconds=10.0, waits=turns if gives_away else None)
    async with loops_of(work, turns) as loops:
        for number in range(12):
            loops.wake(str(number))
        await trio.sleep(5)
        assert len(work.times) == (12 if gives_away else AT_ONCE)
        await trio.sleep(100)
    assert len(work.times) == 12
    assert work.most <= AT_ONCE
