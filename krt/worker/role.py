"""The worker: what it consists of, and how it stops."""

from collections.abc import AsyncIterable

import trio

from krt.core.ports import Journal, Signal, Workloads
from krt.worker.bell import Bell
from krt.worker.consume import Matching, consume
from krt.worker.listen import Listener
from krt.worker.restart import Restarter, Rules
from krt.worker.waiting import Waiting


async def work(
    journal: Journal,
    signals: AsyncIterable[Signal],
    workloads: Workloads,
    matching: Matching,
    rules: Rules,
    *,
    calls_at_once: int,
    in_hand: int,
) -> None:
    """Restart what the journal's events name, until cancelled. A patch that was begun is finished first."""
    bell = Bell()
    listener = Listener(journal, bell)
    waiting = Waiting(Restarter(workloads, journal.position, rules, calls_at_once=calls_at_once))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.hear, signals)
        nursery.start_soon(listener.adopt)
        nursery.start_soon(waiting.work_off)
        nursery.start_soon(lambda: consume(journal, matching, waiting, bell, in_hand=in_hand), name="consume")
