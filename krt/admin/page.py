"""The live page: the list of newest events, the page of one event, and the security headers of all answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quart import Response, request
from quart_trio import QuartTrio

from krt import __version__
from krt.admin.board import Board
from krt.admin.shown import MOST_FILTER_CHARACTERS, parse_filter, parse_query
from krt.admin.templates import Templates
from krt.admin.views import Events, Fragments, OneEvent, PageView
from krt.core.announce import event_id as event_ids
from krt.core.announce.event_id import EventId
from krt.core.report.report import EventState

LIVE = "/live"
_HTML = "text/html; charset=utf-8"
_STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

# The browser loads only the page's own files, runs nothing inline, and shows the page in no frame. The page's script
# may write HTML in one place only (trusted types).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types krt"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class About:
    """The process that serves the page."""

    role: str
    host: str
    version: str = __version__

    @property
    def process(self) -> str:
        """The name of the process on the page."""
        return f"krt {self.role} on {self.host}"


class Page:
    """Answers the page's requests, and makes the views of its live streams."""

    def __init__(self, board: Board, templates: Templates, about: About) -> None:
        self._board = board
        self._templates = templates
        self._about = about

    def add_to(self, app: QuartTrio) -> None:
        """Add the page's paths to the app, and HEADERS to all its answers."""
        app.add_url_rule("/", view_func=self._events)
        app.add_url_rule("/events/<name>", view_func=self._one)
        for name, content_type in _STATIC.items():
            app.add_url_rule(f"/{name}", name, _file(name, content_type))
        app.after_request(_marked)

    def view(self, query: bytes) -> PageView:
        """The view for a live stream with this query."""
        event = _event(parse_query(query).get("event", ""))
        if event:
            return OneEvent(self._board, self._templates, event)
        return Events(self._board, self._templates, parse_filter(query))

    async def _events(self) -> Response:
        wanted = parse_filter(request.query_string)
        seen = await Events(self._board, self._templates, wanted).see()
        return await self._html("events", seen, base="", live=f"live{wanted.query}", filter=wanted)

    async def _one(self, name: str) -> Response:
        event = _event(name)
        if event is None:
            return Response("", 404)
        view = OneEvent(self._board, self._templates, event)
        seen = await view.see()
        return await self._html("one", seen, status=view.status, base="../", live=f"../live?event={event}", event=event)

    async def _html(self, template: str, seen: Fragments, *, status: int = 200, **values: object) -> Response:
        now = datetime.now(UTC)
        text = await self._templates.render(
            template,
            about=self._about,
            fragments=seen,
            now=f"{now:%Y-%m-%d %H:%M:%S}",
            now_milliseconds=round(now.timestamp() * 1000),
            states=list(EventState),
            most_filter_characters=MOST_FILTER_CHARACTERS,
            **values,
        )
        # A report edited by hand may hold lone surrogates: they must not break the page.
        return Response(text.encode(errors="replace"), status, content_type=_HTML)


def _event(name: str) -> EventId | None:
    try:
        return event_ids.parse(name)
    except ValueError:
        return None


def _file(name: str, content_type: str) -> Callable[[], Awaitable[Response]]:
    data = (Path(__file__).parent / "static" / name).read_bytes()

    async def answer() -> Response:
        return Response(data, content_type=content_type)

    return answer


async def _marked(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
