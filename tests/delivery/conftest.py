from collections.abc import AsyncIterator

import pytest

from krt.cluster.access import http_client, load_access
from krt.cluster.transport import Transport
from tests.apiserver.server import ApiServer
from tests.delivery.cluster import CONNECTIONS, Cluster
from tests.delivery.runs import Runs


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
