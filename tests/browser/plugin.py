"""Fixtures of a real browser, and what becomes of the tests that need it where it is not installed.

    async def test_something(browser):
        await browser.open("http://127.0.0.1:8081/")

Missing programs skip those tests, or fail them where CI=true; one line at the end of the run says so.
"""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.browser.webdriver import INSTALL_COMMAND, Browser, chromedriver, missing_programs, open_browser
from tests.fakes.real_part import RealPart


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
    config.pluginmanager.register(
        RealPart(
            "browser",
            fixture="driver",
            missing=missing_programs,
            command=INSTALL_COMMAND,
            remedy="installs it",
            ran="real browser: {} tests ran in it",
        )
    )
