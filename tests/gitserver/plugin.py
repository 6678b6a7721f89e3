"""Fixtures of real git servers, and what becomes of the tests that need them where their programs are missing.

Missing programs skip those tests, or fail them where CI=true; one line at the end of the run says so.
"""

from pathlib import Path

import pytest

from tests.fakes.real_part import RealPart
from tests.gitserver.repository import Repository
from tests.gitserver.ssh import INSTALL_COMMAND, missing_programs


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty one, which a test serves as it likes."""
    return Repository(tmp_path / "served" / "bundle.git")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        RealPart(
            "gitserver",
            fixture="repository",
            missing=missing_programs,
            command=INSTALL_COMMAND,
            remedy="installs it",
            ran="real git servers: {} tests ran against them",
        )
    )
