"""Reads the content of the live page, once for all open pages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import trio

from krt.admin.health import Health
from krt.admin.overview import last_hour
from krt.admin.refusals import Refusals
from krt.admin.shown import shown
from krt.admin.templates import Templates
from krt.core.announce.event_id import EventId
from krt.core.app_secrets.delivered import DeliveredSecrets
from krt.core.ports.announcements import ReadRecent, Recent
from krt.core.report.document import document
from krt.core.report.presence import Seen
from krt.core.report.report import Report
from krt.core.report.report_document import Document
from krt.errors import BrokerUnavailable

LOOK_SECONDS = 1.0
MOST_TARGETS = 20  # of one event in the list; the event's own page shows more
_WANTED_SECONDS = 5.0
_MOST_WANTED = 64


@dataclass(frozen=True, slots=True)
class Item:
    """One event: its report's document, the HTML of its card, and of its row in the card of a burst."""

    document: Document
    html: str
    row: str


@dataclass(frozen=True, slots=True)
class Look:
    """The content of the page at one moment. `problem` says why the events are out of date, or is None."""

    events: Mapping[EventId, Item] = field(default_factory=dict)  # newest first
    others: Mapping[EventId, Document] = field(default_factory=dict)
    asked: frozenset[EventId] = frozenset()  # the events looked for in `others`
    problem: str | None = None
    overview: str = ""
    parts: str = ""
    refusals: str = ""
    deliveries: str = ""

    def find(self, event: EventId) -> Document | None:
        """The document of one event, or None if it was not found."""
        item = self.events.get(event)
        return item.document if item else self.others.get(event)


class Board:
    """Reads when a page asks, at most once in LOOK_SECONDS unless an event is new to it. All pages share one read.

    `deliveries` is None in a process that delivers no App secrets.
    """

    def __init__(
        self,
        read_recent: ReadRecent,
        health: Health,
        refusals: Refusals,
        deliveries: Iterable[DeliveredSecrets] | None,
        templates: Templates,
        *,
        process: str,
    ) -> None:
        self._read_recent = read_recent
        self._health = health
        self._refusals = refusals
        self._deliveries = deliveries
        self._templates = templates
        self._process = process
        self._wanted: dict[EventId, float] = {}  # events whose own page is open, and the time of its last request
        self._looking = trio.Lock()
        self._last = Look()
        self._looked_at = -LOOK_SECONDS

    async def look(self, event: EventId | None = None) -> Look:
        """The content, LOOK_SECONDS old at most. `event` is read even if it is not one of the newest."""
        if event:
            self._want(event)
        async with self._looking:
            if self.age_seconds >= LOOK_SECONDS or (event and not self._has_looked_for(event)):
                self._last = await self._look()
                self._looked_at = trio.current_time()
            return self._last

    @property
    def age_seconds(self) -> float:
        """Seconds since the last read."""
        return trio.current_time() - self._looked_at

    def _want(self, event: EventId) -> None:
        now = trio.current_time()
        recent = [(known, at) for known, at in self._wanted.items() if now - at < _WANTED_SECONDS and known != event]
        self._wanted = dict([*recent[1 - _MOST_WANTED :], (event, now)])

    def _has_looked_for(self, event: EventId) -> bool:
        return event in self._last.events or event in self._last.asked

    async def _look(self) -> Look:
        wanted, last, problem = frozenset(self._wanted), self._last, None
        try:
            recent = await self._read_recent(wanted)
        except BrokerUnavailable as error:
            events, others, problem = last.events, last.others, str(error)
            overview = last.overview or await self._templates.render("overview", hour=None)
        else:
            events, others = await self._items(recent), _documents(recent)
            overview = await self._overview(recent, events)
        around = (overview, await self._parts(), await self._refused(), await self._delivered())
        return Look(events, others, wanted, problem, *around)

    async def _items(self, recent: Recent) -> dict[EventId, Item]:
        return {report.id: await self._item(report, recent.seen) for report in recent.newest}

    async def _item(self, report: Report, seen: Seen) -> Item:
        current, before = document(report, seen).without_sightings(), self._last.events.get(report.id)
        if before and current == before.document:
            return before
        await trio.lowlevel.checkpoint()  # rendering a hundred events takes a while
        choice = shown(current, most_targets=MOST_TARGETS)
        card = await self._templates.render("event", event=current, shown=choice, full=False)
        return Item(current, card, await self._templates.render("row", event=current, shown=choice))

    async def _overview(self, recent: Recent, events: Mapping[EventId, Item]) -> str:
        documents = {event: item.document for event, item in events.items()}
        hour = last_hour(documents, now=recent.seen.now, has_older=recent.has_older)
        return await self._templates.render("overview", hour=hour)

    async def _parts(self) -> str:
        parts, ready = self._health.parts(), not self._health.problems()
        return await self._templates.render("parts", parts=parts, ready=ready, process=self._process)

    async def _refused(self) -> str:
        return await self._templates.render("refusals", rows=self._refusals.rows())

    async def _delivered(self) -> str:
        rows = None if self._deliveries is None else list(self._deliveries)
        return await self._templates.render("deliveries", rows=rows)


def _documents(recent: Recent) -> dict[EventId, Document]:
    return {event: document(report, recent.seen).without_sightings() for event, report in recent.others.items()}
