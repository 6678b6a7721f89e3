from collections.abc import AsyncIterator

import httpx
import pytest
from trio.testing import MockClock

from tests.admin.admins import Surroundings, browsing


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
async def admin(around: Surroundings) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(around) as client:
        yield client


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """Goes as the wall's does, for there are sockets; a test jumps over what would be long to wait for."""
    mock_clock.rate = 1
    return mock_clock
