"""The live display of a rollout on a terminal. Imports rich: nothing else does, and only a terminal needs it."""

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
from krt.client.report import Report, Target

MOST_ROWS = 20
_STYLES = {"ready": "green", "failed": "red", "progressing": "cyan", "waiting": "dim", "skipped": "dim"}


@contextmanager
def open_live(stream: TextIO, title: str) -> Iterator["Picture"]:
    """A picture on the terminal behind `stream`; its last state stays there."""
    picture = Picture(title)
    console = Console(file=stream, highlight=False)
    with Live(console=console, get_renderable=picture.render, refresh_per_second=4) as live:
        picture.console = live.console
        yield picture


class Picture:
    """The newest report, drawn anew a few times a second by rich's own thread."""

    def __init__(self, title: str) -> None:
        self.console: Console | None = None
        self._spinner = Spinner("line")
        self._title = plain(title)
        self._began = monotonic()
        self._report: Report | None = None

    def show(self, report: Report) -> None:
        """Draw it from now on."""
        self._report = report

    def note(self, text: str) -> None:
        """Tell it above the picture."""
        if self.console is not None:
            self.console.print(Text(f"krt notify: {plain(text)}"))

    def render(self) -> RenderableType:
        """The picture as it is now."""
        report = self._report
        head = Table.grid(padding=(0, 1))
        head.add_row(
            self._mark(report), Text(f"{self._title}: {plain(report.state) if report else 'accepted'}"), self._time()
        )
        if report is None:
            return head
        silent = [Text(plain(wording.cluster(cluster)), "yellow") for cluster in report.absent]
        return Group(head, _table(report.targets), *silent)

    def _mark(self, report: Report | None) -> RenderableType:
        return Text("-") if report is not None and report.is_final else self._spinner

    def _time(self) -> Text:
        return Text(f"{monotonic() - self._began:.0f} s", "dim")


def _table(targets: tuple[Target, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    shown = sorted(targets, key=lambda target: target.is_settled and target.state != "failed")[:MOST_ROWS]
    for target in shown:
        words = (wording.workload(target), target.state, wording.pods(target), _remark(target))
        name, state, pods, remark = (plain(word) for word in words)
        table.add_row(Text(f"  {name}"), Text(state, _STYLES.get(state, "")), Text(pods), Text(remark))
    if len(targets) > len(shown):
        table.add_row(Text(f"  and {len(targets) - len(shown)} more", "dim"))
    return table


def _remark(target: Target) -> str:
    return "; ".join([*([target.reason] if target.reason else []), *wording.warnings(target)])
