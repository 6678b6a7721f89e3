"""`subject`: each test that asks for it runs twice, against the stand-in and against the real API server.

`pair`: both at once, for tests that compare their answers.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from krt.cluster.access import http_client, load_access
from krt.cluster.transport import Transport
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.server import ApiServer
from tests.contract.pair import Pair
from tests.contract.real import open_real
from tests.contract.stand_in import open_stand_in
from tests.contract.subject import Subject

BOTH = ["stand-in", pytest.param("real", marks=pytest.mark.apiserver)]


@pytest.fixture(params=BOTH)
def processes(request: pytest.FixtureRequest) -> ControlPlane | None:
    """Those of the real one; they start with the first test that asks for them."""
    return request.getfixturevalue("control_plane") if request.param == "real" else None


@pytest.fixture
async def subject(processes: ControlPlane | None, tmp_path: Path) -> AsyncIterator[Subject]:
    async with open_real(processes, tmp_path) if processes else open_stand_in(tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def transport(apiserver: ApiServer) -> AsyncIterator[Transport]:
    """The administrator's, to the real API server."""
    server, credentials = load_access(apiserver.control_plane.kubeconfig)
    async with http_client(server, connections=4) as client:
        yield Transport(client, credentials)


@pytest.fixture
async def pair(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Pair]:
    async with open_real(control_plane, tmp_path) as real, open_stand_in(tmp_path, real.namespace) as stand_in:
        for each in (real, stand_in):
            for name in ("one", "two", "web"):
                await each.create(name, replicas=0, annotations={"a": "b"} if name == "web" else {})
        yield Pair(real, stand_in)
