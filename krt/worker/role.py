"""The worker role: assembles the parts of a worker, runs their tasks, and stops them."""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import trio
from prometheus_client import CollectorRegistry

from krt.core.ports.channel import Signal
from krt.core.ports.journal import Journal
from krt.core.ports.rollouts import Rollouts
from krt.core.ports.workloads import OnRestart, Workloads
from krt.metrics import WorkerMetrics
from krt.worker import chores, claims, settle
from krt.worker.bell import Bell
from krt.worker.changes import Changes
from krt.worker.clock import ValkeyClock
from krt.worker.consume import Consumer
from krt.worker.follow import Follower
from krt.worker.hand import Hand
from krt.worker.listen import ChannelListener
from krt.worker.pace import Pace
from krt.worker.position import LastPosition
from krt.worker.record import Recorder
from krt.worker.restart import Restarter, Rules
from krt.worker.stalls import Stalls
from krt.worker.take import Matching, Taker
from krt.worker.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a worker: calls to the API server at a time, restarts per second, events held at a time."""

    calls_at_once: int
    restarts_per_second: float
    in_hand: int


@dataclass(frozen=True, slots=True)
class Around:
    """The ports of a worker: the journal, the reports, the channel's signals, and the API server's workloads."""

    journal: Journal
    rollouts: Rollouts
    signals: AsyncIterable[Signal]
    workloads: Workloads


async def work(
    around: Around,
    matching: Matching,
    rules: Rules,
    bounds: Bounds,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    metrics: WorkerMetrics | None = None,
    stalls: Stalls | None = None,
    on_restart: OnRestart | None = None,
) -> None:
    """Restart the workloads that the journal's events match, until cancelled.

    When cancelled, finishes patches that were begun and releases the claims on entries. `now` is the wall clock, in
    UTC; `on_restart` is called after each patch.
    """
    metrics, stalls = metrics or WorkerMetrics(CollectorRegistry()), stalls or Stalls()
    journal, rollouts = around.journal, around.rollouts
    bell, hand, clock = Bell(), Hand(bounds.in_hand), ValkeyClock(journal)
    position = LastPosition(journal)
    pace = Pace(bounds.restarts_per_second)
    restarter = Restarter(
        around.workloads,
        matching.index,
        position,
        rules,
        pace,
        metrics,
        calls_at_once=bounds.calls_at_once,
        now=now,
        on_restart=on_restart,
    )
    recorder = Recorder(rollouts)
    waiting = Waiting(restarter, recorder)
    taker = Taker(journal, rollouts, recorder, matching, hand, waiting, clock, position, metrics, now)
    consumer, listener = Consumer(journal, hand, bell, taker, stalls), ChannelListener(journal, bell, metrics, stalls)
    follower = Follower(
        rollouts, matching.index, position, stalls, deadline_seconds=rules.rollout_deadline_seconds, now=now
    )
    matching.index.listen(Changes(hand, waiting, now).hear)
    matching.index.listen(follower.changed)
    metrics.watch_worker(in_hand=lambda: len(hand), waiting=lambda: len(waiting), stalled=stalls.seconds)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.hear, around.signals)
            nursery.start_soon(listener.adopt)
            nursery.start_soon(waiting.work_off)
            nursery.start_soon(claims.renew, journal, hand, consumer.hear_own, stalls)
            nursery.start_soon(settle.close, rollouts, matching.index, hand, metrics, stalls)
            nursery.start_soon(chores.say_alive, rollouts, stalls)
            nursery.start_soon(follower.follow)
            nursery.start_soon(chores.measure, journal, clock, metrics)
            nursery.start_soon(consumer.consume)
    finally:
        await claims.release(journal, hand)
