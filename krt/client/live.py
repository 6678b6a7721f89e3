"""Draws the live picture of a rollout on a terminal. It alone imports rich, which is an optional extra."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from krt.client import wording
from krt.client.console import plain
from krt.client.report import ReceivedReport
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import TargetState

MOST_ROWS = 20
_STYLES = {"ready": "green", "failed": "red", "progressing": "cyan", "waiting": "dim", "skipped": "dim"}


@contextmanager
def open_live(stream: TextIO, title: str) -> Iterator["Picture"]:
    """Draw a picture on the terminal `stream` within the block. Its last state stays on the screen."""
    console = Console(file=stream, highlight=False)
    picture = Picture(title, console)
    with Live(console=console, get_renderable=picture.render, refresh_per_second=4):
        yield picture


class Picture:
    """The newest report, redrawn a few times a second by rich's own thread."""

    def __init__(self, title: str, console: Console) -> None:
        self._title = title
        self._console = console
        self._spinner = Spinner("line")
        self._began = monotonic()
        self._report: ReceivedReport | None = None

    def show(self, report: ReceivedReport) -> None:
        """Draw this report from now on."""
        self._report = report

    def note(self, text: str) -> None:
        """Print a line above the picture."""
        self._console.print(_text(f"krt notify: {text}"))

    def render(self) -> RenderableType:
        """The picture of the newest report."""
        report = self._report
        if report is None:
            return self._head("accepted", is_final=False)
        silent = (_text(wording.cluster(cluster), "yellow") for cluster in report.absent)
        return Group(self._head(report.state, is_final=report.is_final), _table(report.targets), *silent)

    def _head(self, state: str, *, is_final: bool) -> RenderableType:
        head = Table.grid(padding=(0, 1))
        mark = Text("-") if is_final else self._spinner
        head.add_row(mark, _text(f"{self._title}: {state}"), Text(f"{monotonic() - self._began:.0f} s", "dim"))
        return head


def _table(targets: tuple[ListedTarget, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for wraps in (False, False, False, True):
        table.add_column(no_wrap=not wraps, overflow="fold" if wraps else "ellipsis")
    shown = sorted(targets, key=lambda target: target.is_settled and target.state != TargetState.FAILED)[:MOST_ROWS]
    for target in shown:
        name, state = _text(f"  {wording.workload(target)}"), _text(target.state, _STYLES.get(target.state, ""))
        table.add_row(name, state, _text(wording.pods(target)), _text(_remark(target)))
    if len(targets) > len(shown):
        table.add_row(Text(f"  and {len(targets) - len(shown)} more", "dim"))
    return table


def _remark(target: ListedTarget) -> str:
    return "; ".join([*([target.reason] if target.reason else []), *wording.warnings(target)])


def _text(words: str, style: str = "") -> Text:
    return Text(plain(words), style)  # rich would interpret markup in a str
