"""Draws the live picture of a rollout on a terminal. Only this module imports rich, which is an optional extra."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from krt.client import wording
from krt.client.console import plain
from krt.client.report import ReceivedReport
from krt.client.rows import Rows
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import TargetState

MOST_ROWS = 20
MOST_SILENT = 5  # clusters without a worker that are listed one by one
_STATE_WIDTH = len(TargetState.PROGRESSING)  # reserved, so that no column moves when a state changes
_REMARK_WIDTH = 16  # a window that leaves fewer columns for remarks is narrow
_GAP = 2  # between two columns
_STYLES = {"ready": "green", "failed": "red", "progressing": "cyan", "waiting": "dim", "skipped": "dim"}


@contextmanager
def open_live(stream: TextIO, title: str, command: str = "krt notify") -> Iterator["Picture"]:
    """Draw a picture on the terminal `stream` within the block. Its last state stays there, without the spinner."""
    console = Console(file=stream, highlight=False)
    picture = Picture(title, console, command)
    with Live(console=console, get_renderable=picture.render, refresh_per_second=4):
        try:
            yield picture
        finally:
            picture.end()


class Picture:
    """The newest report, redrawn a few times a second by rich's own thread.

    Until the end each row is one line, so that no row moves, and the picture is no taller than the window: a terminal
    cannot draw over lines that it has scrolled away. The last picture shows each text whole.
    """

    def __init__(self, title: str, console: Console, command: str = "krt notify") -> None:
        self._title = title
        self._command = command
        self._console = console
        self._spinner = Spinner("line")
        self._began = monotonic()
        self._report: ReceivedReport | None = None
        self._rows = Rows()
        self._is_over = False

    def show(self, report: ReceivedReport) -> None:
        """Draw this report from now on."""
        self._report = report

    def note(self, text: str) -> None:
        """Print a line above the picture."""
        self._console.print(_text(f"{self._command}: {text}"))

    def end(self) -> None:
        """Make the next picture the last one: it has no spinner, and every text is whole."""
        self._is_over = True

    def render(self) -> RenderableType:
        """The picture of the newest report."""
        report = self._report
        if report is None:
            return self._head("accepted")
        silent = [self._line(wording.cluster(cluster), "yellow") for cluster in report.absent[:MOST_SILENT]]
        if len(report.absent) > MOST_SILENT:
            left = len(report.absent) - MOST_SILENT
            silent.append(self._line(f"and {left} more clusters without a worker", "yellow"))
        rows = self._rows.arrange(report.targets, self._room(len(report.targets), len(silent) + 1))
        others = len(report.targets) - len(rows)
        more = [self._line(f"  and {others} more", "dim")] if others else []
        return Group(self._head(report.state), self._table(rows), *more, *silent)

    def _head(self, state: str) -> RenderableType:
        head = Table.grid(padding=(0, 1))
        seconds = Text(f"{monotonic() - self._began:.0f} s", "dim")
        head.add_row(self._line(f"{self._title}:"), _text(state), seconds, "" if self._is_over else self._spinner)
        return head

    def _room(self, wanted: int, lines_beside: int) -> int:
        if self._is_over:
            return MOST_ROWS
        room = self._console.height - lines_beside - 1
        counts_others = wanted > min(room, MOST_ROWS)
        return max(1, min(MOST_ROWS, room - counts_others))

    def _table(self, rows: list[ListedTarget]) -> RenderableType:
        is_narrow = self._is_narrow(rows)
        if is_narrow and self._is_over:
            return Group(*(Padding(_text(wording.target(target)), (0, 0, 0, 2)) for target in rows))
        name, pods = (_short_name, wording.few_pods) if is_narrow else (_name, wording.pods)
        table = Table.grid(padding=(0, _GAP))
        beside = _STATE_WIDTH + _longest(pods, rows) + 3 * _GAP
        table.add_column(no_wrap=True, max_width=max(_STATE_WIDTH, self._console.width - beside - 1))
        table.add_column(no_wrap=True, min_width=_STATE_WIDTH)
        table.add_column(no_wrap=True)
        table.add_column()  # remarks are cut before any other column
        for target in rows:
            state = _text(wording.state(target), _STYLES.get(target.state, ""))
            table.add_row(self._line(name(target)), state, _text(pods(target)), self._line(_remark(target)))
        return table

    def _is_narrow(self, rows: list[ListedTarget]) -> bool:
        """Whether name, state and pods leave too little room for remarks."""
        wanted = _longest(_name, rows) + _STATE_WIDTH + _longest(wording.pods, rows) + _REMARK_WIDTH + 3 * _GAP
        return self._console.width < wanted

    def _line(self, words: str, style: str = "") -> Text:
        text = _text(words, style)
        if not self._is_over:
            text.no_wrap, text.overflow = True, "ellipsis"
        return text


def _name(target: ListedTarget) -> str:
    return f"  {wording.workload(target)}"


def _short_name(target: ListedTarget) -> str:
    return f"  {wording.workload(target).removeprefix(target.kind).lstrip()}"


def _longest(text: Callable[[ListedTarget], str], rows: list[ListedTarget]) -> int:
    return max((len(text(row)) for row in rows), default=0)


def _remark(target: ListedTarget) -> str:
    after = f"after {target.seconds:.1f} s" if target.state == TargetState.READY and target.seconds else ""
    said = (target.reason or after, wording.digest(target), *wording.warnings(target))
    return "; ".join(part for part in said if part)


def _text(words: str, style: str = "") -> Text:
    return Text(plain(words), style)  # rich would interpret markup in a str
