"""Where the journal stands (R2): asked of Valkey after the call began, by one exchange for all who ask at a time."""

from dataclasses import dataclass

import pytest
import trio

from krt.core.announce.event_id import EventId
from krt.core.restart.mark import JournalPosition
from krt.errors import BrokerUnavailable
from krt.worker.position import LastPosition

EXCHANGE_SECONDS = 1.0


@dataclass
class SlowJournal:
    """Answers after a second with what stood in it when the exchange began."""

    newest: int = 1
    exchanges: int = 0
    problem: str = ""

    async def position(self) -> JournalPosition:
        self.exchanges += 1
        newest, problem = self.newest, self.problem
        await trio.sleep(EXCHANGE_SECONDS)
        if problem:
            raise BrokerUnavailable(problem)
        return JournalPosition("j", EventId(newest, 0))


@pytest.fixture
def journal() -> SlowJournal:
    return SlowJournal()


@pytest.fixture
def position(journal: SlowJournal) -> LastPosition:
    return LastPosition(journal)  # type: ignore[arg-type]


async def asked(position: LastPosition, *after_seconds: float) -> list[tuple[int | str, float]]:
    """What each heard who asked after so many seconds, and when, in the order of asking."""
    heard: dict[int, tuple[int | str, float]] = {}
    began = trio.current_time()

    async def ask(number: int, seconds: float) -> None:
        await trio.sleep(seconds)
        try:
            said: int | str = (await position.ask()).newest.milliseconds
        except BrokerUnavailable as error:
            said = str(error)
        heard[number] = (said, round(trio.current_time() - began, 1))

    async with trio.open_nursery() as nursery:
        for number, seconds in enumerate(after_seconds):
            nursery.start_soon(ask, number, seconds)
    return [heard[number] for number in range(len(after_seconds))]


async def test_R2_all_who_ask_during_an_exchange_share_the_next_one(journal, position, autojump_clock):
    """Seen to fail with each asking for itself."""
    heard = await asked(position, 0.0, *[0.5] * 16)
    assert heard == [(1, 1.0)] + [(1, 2.0)] * 16
    assert journal.exchanges == 2


async def test_R2_an_exchange_that_has_begun_answers_nobody_who_asks_later(journal, position, autojump_clock):
    """It may be of a moment before an event that the restart is to cover. Seen to fail with the running one shared."""

    async def announce() -> None:
        await trio.sleep(0.4)
        journal.newest = 2

    async with trio.open_nursery() as nursery:
        nursery.start_soon(announce)
        assert await asked(position, 0.0, 0.5) == [(1, 1.0), (2, 2.0)]


async def test_a_failure_is_everybodys_who_shared_the_exchange_and_nobodys_after_it(journal, position, autojump_clock):
    """Each would wait for the deadline of all before it. Seen to fail with the problem not kept for the others."""
    journal.problem = "no answer"
    assert await asked(position, 0.0, 0.5, 0.5, 0.5) == [("no answer", 1.0)] + [("no answer", 2.0)] * 3
    journal.problem = ""
    assert await asked(position, 0.0) == [(1, 1.0)]
    assert journal.exchanges == 3


async def test_who_is_cancelled_leaves_the_exchange_to_the_others(journal, position, autojump_clock):
    """Seen to fail with the first of them alone allowed to ask."""
    others: list[tuple[int | str, float]] = []

    async def ask_too() -> None:
        others.extend(await asked(position, 0.0, 0.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked, position, 0.0)
        await trio.sleep(0.5)
        given_up = await nursery.start(_asking_until_cancelled, position)
        await trio.sleep(0.1)
        nursery.start_soon(ask_too)
        await trio.sleep(0.6)  # the exchange, which is theirs as well, began 0.2 s ago
        given_up.cancel()
    assert others == [(1, 1.6), (1, 1.6)]
    assert journal.exchanges == 3


async def _asking_until_cancelled(position: LastPosition, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    with trio.CancelScope() as scope:
        task_status.started(scope)
        await position.ask()
