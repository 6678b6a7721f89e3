import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.fakes.loopback import loopback_only
from tests.fakes.stand_in import StandIn, standing_in

__all__ = ["loopback_only"]


@pytest.fixture(autouse=True)
def _nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch, loopback_only: None) -> None:
    for name in os.environ:
        if name.upper().endswith("_PROXY") or name.startswith(("KUBE", "SSL_CERT_")):
            monkeypatch.delenv(name)


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """Goes as the wall's does; a test jumps over what would be long to wait for. Sockets do not mind."""
    mock_clock.rate = 1
    return mock_clock


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[StandIn]:
    async with standing_in(tmp_path) as stand_in:
        yield stand_in
