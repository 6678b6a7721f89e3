"""What is seen while a rollout is followed: a line per change, or a live picture on a terminal that can show one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic
from typing import Protocol

from krt.client import wording
from krt.client.console import Console
from krt.client.report import ReceivedReport
from krt.core.announce.event import Event

MOST_LINES = 50  # of one report


class Display(Protocol):
    """Shows reports as they come."""

    def show(self, report: ReceivedReport) -> None:
        """`report` is the newest."""
        ...

    def note(self, text: str) -> None:
        """Something besides the reports has happened."""
        ...


@contextmanager
def open_display(console: Console, event: Event) -> Iterator[Display]:
    """The display that suits the reader. Rich is the extra `terminal`: without it a terminal gets lines too."""
    title = f"{event.image} ({', '.join(event.tags)})"
    if console.animated and find_spec("rich"):
        from krt.client import live

        with live.open_live(console.err, title) as display:
            yield display
    else:
        with console.group(f"rollout of {title}"):
            yield Lines(console)


class Lines:
    """Prints a line for each event, cluster and target whose text has changed since its last line."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._printed: dict[tuple[str, ...], str] = {}

    def show(self, report: ReceivedReport) -> None:
        """Tell what has changed."""
        now = {key: text for key, text in _lines(report) if self._printed.get(key) != text}
        self._printed.update(now)
        for text in list(now.values())[:MOST_LINES]:
            self._console.progress(self._clock() - self._began, text)
        if len(now) > MOST_LINES:
            self._console.progress(self._clock() - self._began, f"{len(now) - MOST_LINES} more changes")

    def note(self, text: str) -> None:
        """Tell it as anything else."""
        self._console.note(text)


def _lines(report: ReceivedReport) -> Iterator[tuple[tuple[str, ...], str]]:
    for number, cluster in enumerate(report.clusters):
        yield ("cluster", str(number), cluster.name), wording.cluster(cluster)
    for target in report.targets:
        yield ("target", *target.key), wording.target(target)
    yield ("event",), f"event {report.state}"
