"""What a worker counts while it works."""

import math
from collections.abc import Callable

import pytest
import trio
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from krt.broker.client import Client
from krt.core.announce.event_id import EventId
from krt.core.ports.journal import Backlog
from krt.core.report.report import Group, GroupState
from krt.errors import BrokerUnavailable, ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict
from krt.metrics import WorkerMetrics
from tests.fakes.journal import FakeJournal
from tests.fakes.trouble import Troubled
from tests.fakes.values import an_envelope
from tests.worker.accepting import a_journal, accept, some_rollouts
from tests.worker.workers import WEB, World, foreign, web


class Counted:
    """The figures of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = WorkerMetrics(self.registry)

    def counts(self, name: str) -> dict[str, float]:
        """What is not zero, by its label."""
        return {
            next(iter(sample.labels.values())): sample.value
            for sample in self._samples(f"krt_{name}_total")
            if sample.value
        }

    def value(self, name: str) -> float:
        return self._samples(f"krt_{name}")[0].value

    def _samples(self, name: str) -> list[Sample]:
        return [sample for family in self.registry.collect() for sample in family.samples if sample.name == name]


@pytest.fixture
def counted() -> Counted:
    return Counted()


async def test_an_event_is_counted_with_what_became_of_its_workloads(world: World, counted: Counted, autojump_clock):
    world.cluster.put(web(key="Deployment shop/other"))
    worker = await world.start(metrics=counted.metrics)
    await world.settled(world.accept(ring=worker), within_seconds=120)
    assert counted.counts("events_settled") == {"settled": 1}
    assert counted.counts("restarts") == {"restarted": 2}
    assert counted.value("event_to_patch_seconds_count") == 2
    assert counted.value("event_to_patch_seconds_sum") < 0.1


async def test_a_burst_is_two_restarts_and_the_second_has_waited(world: World, counted: Counted, autojump_clock):
    worker = await world.start(metrics=counted.metrics)
    await world.settled(*(world.accept(ring=worker) for _ in range(2)), within_seconds=120)
    last = [world.accept(ring=worker) for _ in range(10)]
    await world.settled(*last, within_seconds=120)
    assert sum(counted.counts("events_settled").values()) == 12
    assert sum(counted.counts("restarts").values()) == 12
    assert counted.value("event_to_patch_seconds_count") == counted.counts("restarts")["restarted"] == 2


async def test_a_coalesced_restart_is_measured_from_the_oldest_event_that_waited(
    world: World, counted: Counted, autojump_clock
):
    worker = await world.start(metrics=counted.metrics)
    world.accept(ring=worker)
    await trio.sleep(1)
    world.accept(ring=worker)
    await trio.sleep(3)
    world.accept(ring=worker)
    await trio.sleep(60)
    assert counted.value("event_to_patch_seconds_count") == 2
    assert counted.value("event_to_patch_seconds_sum") == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize(
    ("begin", "ending"),
    [
        (lambda world: world.accept("ghcr.io/acme/nobody"), "no_match"),
        (lambda world: world.accept(age_seconds=7200), "expired"),
        (lambda world: world.stream.add({"odd": "entry"}), "failed"),
        (lambda world: world.stream.accept(an_envelope(dry_run=True)), "dry_run"),
    ],
)
async def test_an_event_without_a_restart_is_counted_by_why(
    world: World, counted: Counted, autojump_clock, begin: Callable[[World], EventId], ending: str
):
    entry = begin(world)
    await world.start(metrics=counted.metrics)
    await world.settled(entry, within_seconds=120)
    assert counted.counts("events_settled") == {ending: 1}
    assert counted.counts("restarts") == {}


async def test_a_refused_restart_fails_its_event(world: World, counted: Counted, autojump_clock):
    world.cluster.put(web(key="Deployment shop/other"))
    world.cluster.refuse(WEB, ClusterRefused("422"))
    worker = await world.start(metrics=counted.metrics)
    await world.settled(world.accept(ring=worker), within_seconds=120)
    assert counted.counts("events_settled") == {"failed": 1}
    assert counted.counts("restarts") == {"restarted": 1, "failed": 1}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Conflict("409"), "conflict"),
        (ClusterDenied("403"), "denied"),
        (ClusterUnavailable("503"), "unavailable"),
    ],
)
async def test_a_try_that_leads_to_another_is_counted_by_why(
    world: World, counted: Counted, autojump_clock, error: Exception, reason: str
):
    world.cluster.refuse(WEB, error, None, error)
    worker = await world.start(metrics=counted.metrics)
    await world.settled(world.accept(ring=worker), within_seconds=120)
    assert counted.counts("restart_retries") == {reason: 2}
    assert counted.counts("restarts") == {"restarted": 1}


async def test_messages_of_others_are_counted(world: World, counted: Counted, autojump_clock):
    worker = await world.start(metrics=counted.metrics)
    for payload in (foreign(), foreign(), b"no event"):
        worker.hear(payload)
    await trio.sleep(60)
    assert counted.counts("messages") == {"adopted": 2, "refused": 1}


async def test_messages_that_are_too_many_to_be_kept_are_counted_as_lost(
    world: World, counted: Counted, autojump_clock, caplog
):
    worker = await world.start(metrics=counted.metrics, journal=Troubled(FakeJournal(world.stream), before=_away))
    await trio.sleep(60)
    for _ in range(1500):
        worker.hear(foreign())
    await trio.sleep(150)
    assert len(world.stream.entries) == 1000
    assert counted.counts("messages") == {"adopted": 1000, "lost": 500}
    assert "messages_lost" in [record.message for record in caplog.records if record.levelname == "ERROR"]


async def test_messages_that_the_leases_holder_takes_in_are_not_counted_as_lost_by_others(
    world: World, counted: Counted, autojump_clock
):
    await world.start()
    await trio.sleep(10)
    other = await world.start(metrics=counted.metrics)
    for _ in range(1500):
        other.hear(foreign())
    await trio.sleep(10)
    assert counted.counts("messages") == {}


async def _away(_: str) -> None:
    if trio.current_time() < 100:
        raise BrokerUnavailable("away")


async def test_the_backlog_is_what_no_worker_has_settled(world: World, counted: Counted, autojump_clock):
    world.cluster.refuse(WEB, *[ClusterUnavailable("503")] * 1000)
    worker = await world.start(metrics=counted.metrics)
    world.accept(ring=worker)
    await trio.sleep(100)
    world.accept("ghcr.io/acme/nobody", ring=worker)
    await trio.sleep(15)
    assert counted.value("journal_entries") == 2
    assert counted.value("backlog_events") == 2
    assert counted.value("backlog_oldest_seconds") == pytest.approx(110, abs=6)


async def test_without_valkey_the_backlog_is_not_known(world: World, counted: Counted, autojump_clock):
    away = False

    async def lose(_: str) -> None:
        if away:
            raise BrokerUnavailable("away")

    await world.start(metrics=counted.metrics, journal=Troubled(FakeJournal(world.stream), before=lose))
    await trio.sleep(1)
    assert counted.value("backlog_events") == 0
    away = True
    await trio.sleep(20)
    assert math.isnan(counted.value("backlog_events"))
    away = False
    await trio.sleep(20)
    assert counted.value("backlog_events") == 0


async def test_valkey_knows_how_the_journal_stands(client: Client):
    journal = a_journal(client)
    assert await journal.backlog() == Backlog(entries=0, unsettled=0, oldest=None)
    entries = [await accept(client, f"t-{number}") for number in range(5)]
    await journal.read_new(2)
    assert await journal.backlog() == Backlog(entries=5, unsettled=5, oldest=entries[0])
    await some_rollouts(client).settle(entries[0], Group(GroupState.SETTLED, final=True), {}, {})
    assert await journal.backlog() == Backlog(entries=5, unsettled=4, oldest=entries[1])
