"""Whole workers among fakes, and what tests ask of them."""

import math
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import trio

from krt.core.announce.event import JOURNALED, Event, to_json
from krt.core.announce.event_id import EventId
from krt.core.ports.channel import ChannelMessage, Signal, Subscribed
from krt.core.report.conclusion import state_of
from krt.core.report.presence import Presence, Seen, Sighting
from krt.core.report.report import Group, Report
from krt.core.report.report_fields import parse
from krt.errors import BrokerUnavailable
from krt.metrics import WorkerMetrics
from krt.worker.restart import Rules
from krt.worker.role import Around, Bounds, work
from krt.worker.stalls import Stalls
from krt.worker.take import Matching
from tests.fakes.index import FakeIndex
from tests.fakes.journal import FakeJournal, Stream
from tests.fakes.keys import a_key
from tests.fakes.rollouts import FakeRollouts
from tests.fakes.trouble import Power, Troubled
from tests.fakes.values import NOW, a_workload, an_envelope, an_event
from tests.fakes.workloads import FakeWorkloads

WEB = a_key("Deployment", "shop", "web")
RULES = Rules(min_interval_seconds=5.0, max_seconds=3600.0, rollout_deadline_seconds=900.0)
BOUNDS = Bounds(calls_at_once=16, restarts_per_second=1000.0, in_hand=2000)


def wall() -> datetime:
    """The wall's clock, which goes with Trio's."""
    return NOW + timedelta(seconds=trio.current_time())


def a_matching(index: Any, **changes: Any) -> Matching:
    """One that admits everything."""
    ordinary = Matching(index, lambda _: None, require_opt_in=False, max_event_age_seconds=3600.0)
    return replace(ordinary, **changes)


@dataclass
class Worker:
    """One that runs. What it asks of Valkey, `journal` and `rollouts`, can be troubled."""

    journal: Troubled
    rollouts: Troubled
    index: FakeIndex
    signals: trio.MemorySendChannel[Signal]
    power: Power
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)
    consumer: str = ""

    def hear(self, payload: bytes) -> None:
        """The channel says this."""
        self.signals.send_nowait(ChannelMessage(payload))

    async def stop(self) -> None:
        """As SIGTERM does."""
        self.scope.cancel()
        await self.ended.wait()

    async def kill(self) -> None:
        """As SIGKILL does: not even its claims are released."""
        self.power.failed.set()
        await self.stop()


class World:
    """A journal, a cluster and workers, all of it in memory and by Trio's clock."""

    def __init__(self, nursery: trio.Nursery, stream: Stream, cluster: FakeWorkloads) -> None:
        self.stream = stream
        self.cluster = cluster
        self._nursery = nursery

    def accept(
        self, image: str = "ghcr.io/acme/shop", *tags: str, age_seconds: float = 0.0, ring: "Worker | None" = None
    ) -> EventId:
        """An event in the journal; the bell rings for it at the worker `ring`."""
        event = an_event(image, tags or ("dev",))
        accepted = self.stream.accept(an_envelope(event), age_seconds=age_seconds)
        if ring:
            ring.hear(to_json(event) + JOURNALED)
        return accepted

    async def start(
        self,
        *,
        index: FakeIndex | None = None,
        rules: Rules = RULES,
        bounds: Bounds = BOUNDS,
        power: Power | None = None,
        journal: Troubled | None = None,
        rollouts: Troubled | None = None,
        cluster: Any = None,
        wall: Callable[[], datetime] = wall,
        metrics: WorkerMetrics | None = None,
        stalls: Stalls | None = None,
        **matching: Any,
    ) -> Worker:
        """A worker with an index of its own, which hears of everything at once and has a bookmark a minute."""
        power = power or Power(BrokerUnavailable)
        own = FakeJournal(self.stream)
        journal = journal or power.supply(own)
        rollouts = rollouts or power.supply(FakeRollouts(self.stream))
        index = index or FakeIndex(self.cluster, bookmark_seconds=60.0)
        signals_in, signals_out = trio.open_memory_channel[Signal](10_000)
        signals_in.send_nowait(Subscribed())
        worker = Worker(journal, rollouts, index, signals_in, power, consumer=own.consumer)

        async def run() -> None:
            with worker.scope:
                await work(
                    Around(journal, rollouts, signals_out, cluster or self.cluster),
                    a_matching(index, **matching),
                    rules,
                    bounds,
                    now=wall,
                    metrics=metrics,
                    stalls=stalls,
                )
            worker.ended.set()

        async def follow() -> None:
            with trio.CancelScope() as scope:
                self._nursery.start_soon(_cancel_after, worker.ended, scope)
                await index.follow()

        self._nursery.start_soon(run)
        self._nursery.start_soon(follow)
        await trio.testing.wait_all_tasks_blocked()
        return worker

    def report(self, entry: EventId) -> Report:
        return parse(entry, self.stream.reports[entry])

    def said(self, entry: EventId) -> Group | None:
        """What the workers have said of the event; None if nothing."""
        return self.report(entry).groups.get("default")

    def state(self, entry: EventId) -> str:
        """What all of it amounts to."""
        now = self.stream.now()
        return state_of(self.report(entry), Seen({"default": Sighting(Presence(), 0.0, now)}, now))

    def targets(self, entry: EventId) -> dict[str, str]:
        """What is said of its workloads, by their names."""
        return {key.name: target.state for (_, key), target in self.report(entry).targets.items()}

    def is_settled(self, *entries: EventId) -> bool:
        return set(entries) <= set(self.stream.acknowledged)

    async def settled(self, *entries: EventId, within_seconds: float = 7200.0) -> None:
        """Return when all of them (all that there are, if none is given) are acknowledged and their rollouts told."""
        with trio.fail_after(within_seconds):
            while not self.is_settled(*(entries or self.stream.entries)):  # noqa: ASYNC110 - the fakes tell nobody
                await trio.sleep(0.25)
        await trio.sleep(2)


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


@asynccontextmanager
async def working(
    journal: Any,
    rollouts: Any,
    cluster: FakeWorkloads,
    *,
    through: Any = None,
    signals: AsyncIterable[Signal] | None = None,
    rules: Rules = RULES,
    bounds: Bounds = BOUNDS,
    **matching: Any,
) -> AsyncIterator[trio.CancelScope]:
    """A worker by the wall's clock, whose index is always fresh; it is stopped at the end of the block.

    `through`: the cluster as it is asked for restarts, if that is troubled.
    """
    index = FakeIndex(cluster)
    index.heard_at = math.inf
    async with trio.open_nursery() as nursery:
        own = a_matching(index, **matching)
        around = Around(journal, rollouts, signals or silence(), through or cluster)
        nursery.start_soon(work, around, own, rules, bounds)
        yield nursery.cancel_scope
        nursery.cancel_scope.cancel()


def journaled(event: Event | None = None) -> bytes:
    """What the channel says of an event that stands in the journal."""
    return to_json(event or an_event()) + JOURNALED


def foreign(event: Event | None = None) -> bytes:
    """What a Go peer publishes."""
    return to_json(event or an_event())


async def silence() -> AsyncIterator[Signal]:
    """A channel on which nothing is said."""
    yield Subscribed()
    await trio.sleep_forever()


def web(*images: str, **changes: Any) -> Any:
    """The Deployment shop/web."""
    return a_workload(*images, **changes)
