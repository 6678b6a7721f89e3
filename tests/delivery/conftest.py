from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from krt.cluster.access import http_client, load_access
from krt.cluster.transport import Transport
from tests.apiserver.server import ApiServer
from tests.delivery.cluster import CONNECTIONS, Cluster
from tests.delivery.commands import Desk
from tests.delivery.runs import Runs
from tests.fakes.https_proxy import HttpsProxy


@pytest.fixture
def runs(apiserver: ApiServer, namespace: str) -> Runs:
    """The administrator's."""
    return Runs(apiserver, namespace, apiserver.control_plane.kubeconfig)


@pytest.fixture
async def cluster(apiserver: ApiServer, namespace: str) -> AsyncIterator[Cluster]:
    server, credentials = load_access(apiserver.control_plane.kubeconfig)
    async with http_client(server, connections=CONNECTIONS) as client:
        cluster = Cluster(apiserver, Transport(client, credentials), namespace)
        client.event_hooks = {"request": [cluster.note]}
        yield cluster


@pytest.fixture
def desk(apiserver: ApiServer, namespace: str, api_proxy: HttpsProxy, tmp_path: Path) -> Desk:
    home = tmp_path / "home"
    home.mkdir()
    return Desk(apiserver, namespace, home, api_proxy)
