"""Shows a rollout while it is followed: one line for each change, or a live picture on a terminal that supports it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic
from typing import Protocol

from krt.client import wording
from krt.client.console import Console
from krt.client.report import ReceivedReport

MOST_LINES = 50  # of one report
_HEADINGS = {"event": "rollout"}


class Display(Protocol):
    """Shows reports as they arrive."""

    def show(self, report: ReceivedReport) -> None:
        """Show `report`, the newest one."""
        ...

    def note(self, text: str) -> None:
        """Show a line about something other than a report."""
        ...


@contextmanager
def open_display(console: Console, title: str, *, subject: str = "event") -> Iterator[Display]:
    """The live picture on an animated console if rich, the extra `terminal`, is installed; else lines.

    `subject` is the word for the whole event or delivery. Its state is printed after the states of its parts.
    """
    if console.animated and find_spec("rich"):
        from krt.client import live

        with live.open_live(console.err, title, console.command) as display:
            yield display
    else:
        with console.group(f"{_HEADINGS.get(subject, subject)} of {title}"):
            yield Lines(console, subject)


class Lines:
    """Prints a line for the whole, each cluster and each target, whenever its text has changed."""

    def __init__(self, console: Console, subject: str = "event", *, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._subject = subject
        self._clock = clock
        self._began = clock()
        self._printed: dict[tuple[str, ...], str] = {}

    def show(self, report: ReceivedReport) -> None:
        """Print the changes, MOST_LINES at most."""
        now = {key: text for key, text in self._lines(report) if self._printed.get(key) != text}
        self._printed.update(now)
        for text in list(now.values())[:MOST_LINES]:
            self._console.progress(self._clock() - self._began, text)
        if len(now) > MOST_LINES:
            self._console.progress(self._clock() - self._began, f"{len(now) - MOST_LINES} more changes")

    def note(self, text: str) -> None:
        """Print the text as an ordinary line."""
        self._console.note(text)

    def _lines(self, report: ReceivedReport) -> Iterator[tuple[tuple[str, ...], str]]:
        for number, cluster in enumerate(each for each in report.clusters if each.name):
            yield ("cluster", str(number), cluster.name), wording.cluster(cluster)
        for target in report.targets:
            yield ("target", *target.key), wording.target(target)
        yield ("whole",), f"{self._subject} {report.state}"
