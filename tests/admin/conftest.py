from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import pytest
import trio

from krt.admin.board import LOOK_SECONDS
from tests.admin.admins import Surroundings, browsing


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
async def admin(around: Surroundings) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(around) as client:
        yield client


@pytest.fixture
def wait_a_look() -> Callable[[], Awaitable[None]]:
    """Until what was seen is too old to be shown again. The clock is the wall's: sockets are."""
    return partial(trio.sleep, LOOK_SECONDS + 0.05)
