"""Fixtures of a real browser, and what becomes of the tests that need it where it is not installed.

    async def test_something(browser):
        await browser.open("http://127.0.0.1:8081/")

Missing programs skip those tests, or fail them where CI=true; one line at the end of the run says so.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.browser.webdriver import INSTALL_COMMAND, Browser, chromedriver, missing_programs, open_browser

MARKER = "browser"
_COUNTS = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def driver() -> Iterator[str]:
    """One for the whole run."""
    with chromedriver() as url:
        yield url


@pytest.fixture
async def browser(driver: str) -> AsyncIterator[Browser]:
    """A browser that has never been anywhere."""
    async with open_browser(driver) as opened:
        yield opened


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_COUNTS] = Counter()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whoever asks for the driver bears the marker, written or not."""
    if "driver" in getattr(item, "fixturenames", ()):
        item.add_marker(MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(MARKER) is None or not (missing := missing_programs()):
        return
    sentence = f"no {', '.join(missing)}: {INSTALL_COMMAND} installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    item.config.stash[_COUNTS]["skipped"] += 1
    pytest.skip(sentence)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker(MARKER):
        item.config.stash[_COUNTS]["ran"] += 1
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[_COUNTS]
    sentence = f"real browser: {counts['ran']} tests ran in it"
    if counts["skipped"]:
        sentence += f", {counts['skipped']} SKIPPED: run {INSTALL_COMMAND}"
    terminalreporter.write_line(sentence, yellow=bool(counts["skipped"]))
