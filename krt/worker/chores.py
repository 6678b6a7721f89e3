"""What a worker does from time to time beside restarting: say that it is there, trim the journal, measure it."""

import trio

from krt.core.ports import Journal, Rollouts
from krt.errors import BrokerUnavailable
from krt.logs import Log
from krt.metrics import WorkerMetrics
from krt.worker.clock import ValkeyClock
from krt.worker.stalls import Stalls

log = Log("worker")

_TIDY_SECONDS = 60.0
_MEASURE_SECONDS = 10.0
_ALIVE_SECONDS = 30.0
_LEAVE_SECONDS = 2.0


async def say_alive(rollouts: Rollouts, stalls: Stalls) -> None:
    """Let events wait for this cluster, for ever."""
    while True:
        try:
            with stalls.step("presence"):
                await rollouts.say_alive()
        except BrokerUnavailable as error:
            log.warning("not_said_alive", problem=error)
        await trio.sleep(_ALIVE_SECONDS)


async def leave(rollouts: Rollouts) -> None:
    """At an orderly end: if this was the last worker here, events that come from now on do not wait for the cluster."""
    with trio.move_on_after(_LEAVE_SECONDS):
        try:
            if await rollouts.leave():
                log.info("cluster_left")
        except BrokerUnavailable as error:
            log.warning("not_said_left", problem=error)


async def tidy(journal: Journal) -> None:
    """Trim the journal every minute, also when it is full: nothing else makes room."""
    while True:
        try:
            await journal.tidy()
        except BrokerUnavailable as error:
            log.warning("journal_not_tidied", problem=error)
        await trio.sleep(_TIDY_SECONDS)


async def measure(journal: Journal, clock: ValkeyClock, metrics: WorkerMetrics) -> None:
    """Tell the metrics how the journal stands, for ever."""
    while True:
        try:
            backlog = await journal.backlog()
            age_seconds = await clock.age_seconds(backlog.oldest) if backlog.oldest else 0.0
            metrics.journal_seen(entries=backlog.entries, unsettled=backlog.unsettled, oldest_seconds=age_seconds)
        except BrokerUnavailable:  # others say so
            metrics.journal_unknown()
        await trio.sleep(_MEASURE_SECONDS)
