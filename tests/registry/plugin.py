"""Fixtures of real registries, and what becomes of the tests that need them where their programs are missing.

Missing programs skip those tests, or fail them where CI=true; one line at the end of the run says so.
"""

from collections.abc import Iterator

import pytest

from tests.fakes.real_part import RealPart
from tests.registry.server import INSTALL_COMMAND, RegistryServer, missing_programs, registry_server


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """One that everybody may write to. Each test takes a repository of its own."""
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        yield server


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        RealPart(
            "registry",
            fixture="registry",
            missing=missing_programs,
            command=INSTALL_COMMAND,
            remedy="installs it",
            ran="real registry: {} tests ran against it",
        )
    )
