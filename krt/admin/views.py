"""The two views of the live page: the events that a filter admits, and one event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from krt.admin.board import Board, Look
from krt.admin.cards import Cards
from krt.admin.shown import Filter, shown
from krt.admin.templates import Templates
from krt.core.announce.event_id import EventId
from krt.core.report.report_document import Document

MOST_TARGETS = 250  # of one event on its own page


@dataclass(frozen=True, slots=True)
class Fragments:
    """The HTML of a page's parts, by element id. `order` holds the ids of the cards of events and bursts, in order."""

    html: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()


class PageView(Protocol):
    """The content of one page, made for one request. A live stream calls `see` repeatedly."""

    async def see(self) -> Fragments:
        """The content now."""
        ...


class Events:
    """The newest events that a filter admits, and the state of the process."""

    def __init__(self, board: Board, templates: Templates, wanted: Filter) -> None:
        self._board = board
        self._templates = templates
        self._wanted = wanted
        self._cards = Cards(templates)

    async def see(self) -> Fragments:
        """The content now."""
        look = await self._board.look()
        found = {event: item for event, item in look.events.items() if self._wanted.admits(item.document)}
        cards = await self._cards.of(found)
        return Fragments({**cards, **await self._around(look, len(found))}, tuple(cards))

    async def _around(self, look: Look, count: int) -> dict[str, str]:
        filtered = self._wanted != Filter()
        counts = {"shown": count, "of": len(look.events), "filtered": filtered, "problem": look.problem}
        return {
            "notice": await _notice(self._templates, look),
            "overview": look.overview,
            "count": await self._templates.render("count", **counts),
            "parts": look.parts,
            "refusals": look.refusals,
            "deliveries": look.deliveries,
        }


class OneEvent:
    """One event with its whole report, or a notice that there is no such event."""

    def __init__(self, board: Board, templates: Templates, event: EventId) -> None:
        self._board = board
        self._templates = templates
        self._event = event
        self._rendered: tuple[Document, str] | None = None
        self.status = 200

    async def see(self) -> Fragments:
        """The content now; sets `status`, the HTTP status for it."""
        look = await self._board.look(self._event)
        notice = {"notice": await _notice(self._templates, look)}
        report = look.find(self._event)
        if report is None:
            self.status = 503 if look.problem else 404
            missing = await self._templates.render("missing", problem=look.problem)
            return Fragments({**notice, "missing": missing}, ("missing",))
        self.status = 200
        return Fragments({**notice, _name(self._event): await self._html(report)}, (_name(self._event),))

    async def _html(self, report: Document) -> str:
        if self._rendered is None or self._rendered[0] != report:
            choice = shown(report, most_targets=MOST_TARGETS)
            self._rendered = (report, await self._templates.render("event", event=report, shown=choice, full=True))
        return self._rendered[1]


def _name(event: EventId) -> str:
    return f"event-{event}"


async def _notice(templates: Templates, look: Look) -> str:
    return await templates.render("notice", problem=look.problem, has_events=bool(look.events))
