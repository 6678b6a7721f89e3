from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.around import Around, Krt, around_krt, running
from tests.fakes.loopback import loopback_only
from tests.fakes.polling import until_on_wall_clock

__all__ = ["loopback_only"]


@pytest.fixture
async def around(tmp_path: Path, loopback_only: None) -> AsyncIterator[Around]:
    """An issuer and a Valkey of this test's own."""
    async with around_krt(tmp_path) as around:
        yield around


@pytest.fixture
async def web(around: Around) -> AsyncIterator[Krt]:
    """krt web as it is started, with the issuer's keys fetched."""
    async with running("web", around.environ) as krt:
        await until_on_wall_clock(krt.is_ready)
        yield krt
