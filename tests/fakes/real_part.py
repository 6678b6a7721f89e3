"""What becomes of the tests that need a real part of the world where its programs are missing."""

import os
from collections.abc import Callable, Sequence

import pytest


class RealPart:
    """A plugin of pytest for one `marker`, which whoever asks for `fixture` bears, written or not.

    Missing programs skip those tests, or fail them where CI=true; one line at the end of the run says so. `ran` is how
    that line begins, with {} for their number; `command` brings what is missing, and `remedy` says what it does.
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
        """Where the run was started, also of what its workers ran."""
        if self._marker not in report.keywords:
            return
        self._ran += report.when == "call"
        self._skipped += report.when == "setup" and report.skipped

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        sentence = self._line.format(self._ran)
        if self._skipped:
            sentence += f", {self._skipped} SKIPPED: run {self._command}"
        terminalreporter.write_line(sentence, yellow=bool(self._skipped))
