from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from krt.dev.cluster import deployment
from tests.fakes.around import IMAGE, Around, Krt, around_krt, running
from tests.fakes.loopback import loopback_only
from tests.fakes.polling import until_on_wall_clock

__all__ = ["loopback_only"]


@pytest.fixture
async def around(tmp_path: Path, loopback_only: None) -> AsyncIterator[Around]:
    """An issuer, a Valkey and a cluster that runs the image as the Deployment shop/web."""
    async with around_krt(tmp_path, bookmark_seconds=0.5) as around:
        around.stand_in.cluster.add(deployment("web", "shop", f"{IMAGE}:dev"))
        yield around


@pytest.fixture
async def krt(around: Around) -> AsyncIterator[Krt]:
    """krt all, ready."""
    async with running("all", around.environ) as krt:
        await until_on_wall_clock(krt.is_ready)
        yield krt
