"""Skips or fails tests that need a real program, such as an API server or a browser, if the program is missing."""

import os
from collections.abc import Callable, Sequence

import pytest


class RealPart:
    """A pytest plugin for one `marker`, which it adds to every test that uses `fixture`.

    If programs are missing, it skips those tests, or fails them if CI=true, and prints one line at the end of the run.
    `ran` is the beginning of that line, with {} for the number of tests. `command` installs the missing programs, and
    `remedy` says so in words.
    """

    def __init__(
        self, marker: str, *, fixture: str, missing: Callable[[], Sequence[str]], command: str, remedy: str, ran: str
    ) -> None:
        self._marker, self._fixture = marker, fixture
        self._missing, self._command, self._remedy = missing, command, remedy
        self._line = ran
        self._ran = self._skipped = 0

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if self._fixture in getattr(item, "fixturenames", ()):
            item.add_marker(self._marker)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.get_closest_marker(self._marker) is None or not (missing := self._missing()):
            return
        sentence = f"no {', '.join(missing)}: {self._command} {self._remedy}"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Runs in the controlling process, also for tests that xdist's workers ran."""
        if self._marker not in report.keywords:
            return
        self._ran += report.when == "call"
        self._skipped += report.when == "setup" and report.skipped

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        sentence = self._line.format(self._ran)
        if self._skipped:
            sentence += f", {self._skipped} SKIPPED: run {self._command}"
        terminalreporter.write_line(sentence, yellow=bool(self._skipped))
