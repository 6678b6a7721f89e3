"""`subject`: each test that asks for it runs twice, against the stand-in and against the real API server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver.control_plane import ControlPlane
from tests.contract.clusters import Subject, open_real, open_stand_in

BOTH = ["stand-in", pytest.param("real", marks=pytest.mark.apiserver)]


@pytest.fixture(params=BOTH)
def processes(request: pytest.FixtureRequest) -> ControlPlane | None:
    """Those of the real one; they start with the first test that asks for them."""
    return request.getfixturevalue("control_plane") if request.param == "real" else None


@pytest.fixture
async def subject(processes: ControlPlane | None, tmp_path: Path) -> AsyncIterator[Subject]:
    async with open_real(processes, tmp_path) if processes else open_stand_in(tmp_path) as cluster:
        yield cluster
