"""The periodic tasks of a worker: it writes that it is alive, trims and measures the journal. At the end it leaves."""

import trio

from krt.core.ports.journal import Journal
from krt.core.ports.rollouts import Rollouts
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
    """Write every 30 s that this worker's group is alive, so that events wait for the group. Never returns."""
    while True:
        try:
            with stalls.step("presence"):
                await rollouts.say_alive()
        except BrokerUnavailable as error:
            log.warning("heartbeat_failed", problem=error)
        await trio.sleep(_ALIVE_SECONDS)


async def leave(rollouts: Rollouts) -> None:
    """Write that this worker stops. If it was the last of its group, later events do not wait for the cluster.

    Tries once, for 2 s. An error of Valkey is logged; if Valkey does not answer in time, nothing is.
    """
    with trio.move_on_after(_LEAVE_SECONDS):
        try:
            if await rollouts.leave():
                log.info("cluster_left")
        except BrokerUnavailable as error:
            log.warning("cluster_left_not_written", problem=error)


async def tidy(journal: Journal) -> None:
    """Trim the journal every minute. A full Valkey allows it, and nothing else makes room there. Never returns."""
    while True:
        try:
            await journal.tidy()
        except BrokerUnavailable as error:
            log.warning("journal_not_tidied", problem=error)
        await trio.sleep(_TIDY_SECONDS)


async def measure(journal: Journal, clock: ValkeyClock, metrics: WorkerMetrics) -> None:
    """Give the metrics the state of the journal every 10 s. Never returns."""
    while True:
        try:
            backlog = await journal.backlog()
            age_seconds = await clock.age_seconds(backlog.oldest) if backlog.oldest else 0.0
            metrics.journal_seen(entries=backlog.entries, unsettled=backlog.unsettled, oldest_seconds=age_seconds)
        except BrokerUnavailable:  # the other tasks log it
            metrics.journal_unknown()
        await trio.sleep(_MEASURE_SECONDS)
