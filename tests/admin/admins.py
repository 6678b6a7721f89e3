"""The admin listener's app for a test, and the reports that it is to show."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import trio

from krt.admin.app import build_admin
from krt.admin.health import Health
from krt.admin.page import About
from krt.admin.refusals import Refusals
from krt.core.announce.event_id import EventId
from krt.core.app_secrets.delivered import RecentDeliveries
from krt.core.envelope import to_fields
from krt.core.kube.object_key import ObjectKey
from krt.core.ports.announcements import Recent
from krt.core.report.presence import Seen
from krt.core.report.report import Group, GroupState, Report
from krt.core.report.target import Target, TargetState
from krt.errors import BrokerUnavailable
from krt.metrics import Metrics
from krt.serving.asgi import App
from tests.fakes.keys import a_key
from tests.fakes.served import served
from tests.fakes.values import NOW, a_sighting, an_envelope

GROUP = "default:1"
WEB = a_key("Deployment", "shop", "web")
ROLLING = Target(TargetState.PROGRESSING, updated=1, available=3, desired=3)
READY = Target(TargetState.READY, updated=3, available=3, desired=3, seconds=12.4)
_BEGAN = int(NOW.timestamp() * 1000)


def an_id(number: int = 0) -> EventId:
    """The newer the higher the number."""
    return EventId(_BEGAN + number, 0)


def a_report(number: int = 0, targets: dict[ObjectKey, Target] | None = None, **fields: str) -> Report:
    """An event that a worker has taken up; `fields` are the event's own."""
    found = {WEB: ROLLING} if targets is None else targets
    groups = {GROUP: Group(GroupState.SETTLED, final=True)} if targets != {} else {}
    event = {**to_fields(an_envelope()), **fields}
    return Report(an_id(number), event, groups, {(GROUP, key): target for key, target in found.items()})


@dataclass(slots=True)
class Reports:
    """What there is to be read: `newest` first, and `older` ones. `reads` says how often that was done."""

    newest: Sequence[Report] = ()  # if there are several events of one run, bursts.FEWEST or more are one card
    older: Sequence[Report] = ()
    problem: str | None = None
    has_older: bool = False
    reads: int = 0
    asked: list[frozenset[EventId]] = field(default_factory=list)

    async def read(self, others: Collection[EventId] = ()) -> Recent:
        self.reads += 1
        self.asked.append(frozenset(others))
        await trio.sleep(0.01)
        if self.problem:
            raise BrokerUnavailable(self.problem)
        found = {report.id: report for report in [*self.newest, *self.older] if report.id in others}
        now = NOW.timestamp() + self.reads  # time passes
        return Recent(tuple(self.newest), found, Seen({GROUP: a_sighting(now)}, now), self.has_older)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the app is given."""

    reports: Reports = field(default_factory=Reports)
    health: Health = field(default_factory=Health)
    metrics: Metrics = field(default_factory=Metrics)
    stopping: trio.Event = field(default_factory=trio.Event)
    deliveries: RecentDeliveries | None = None

    def app(self, *hosts: str) -> App:
        return build_admin(
            self.health,
            self.metrics,
            read_recent=self.reports.read,
            refusals=Refusals(self.metrics),
            deliveries=self.deliveries,
            about=About("all", "krt-0", "1.2.3"),
            hosts=hosts,
            stopping=self.stopping,
        )


@asynccontextmanager
async def browsing(around: Surroundings, *hosts: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, through a socket."""
    limits = httpx.Limits(max_connections=None)
    async with served(around.app(*hosts)) as url, httpx.AsyncClient(base_url=url, timeout=5, limits=limits) as client:
        yield client


def ended(report: Report) -> Report:
    """The same, with every rollout ready."""
    return replace(report, targets=dict.fromkeys(report.targets, READY))
