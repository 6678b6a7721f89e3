"""`cluster`: a namespace of the real API server whose pods become ready, and krt's documented account in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import WORKER_RULES
from tests.apiserver.server import Account, ApiServer
from tests.e2e.deployments import Cluster
from tests.e2e.site import Site
from tests.fakes.around import around_krt
from tests.fakes.https_proxy import HttpsProxy


@pytest.fixture
async def cluster(apiserver: ApiServer, namespace: str, kubelet: Kubelet) -> Cluster:
    return Cluster(apiserver, namespace)


@pytest.fixture
async def worker(apiserver: ApiServer, namespace: str) -> Account:
    """A service account with the documented rights in the namespace: get, list, watch, patch of Deployments."""
    return await apiserver.account(namespace, "krt-worker", WORKER_RULES)


@pytest.fixture
async def behind_proxy(apiserver: ApiServer, worker: Account, api_proxy: HttpsProxy) -> Path:
    """The worker's kubeconfig, through the proxy whose faults the test decides."""
    return apiserver.kubeconfig(worker.token, namespace=worker.namespace, proxy=api_proxy)


@pytest.fixture
async def site(cluster: Cluster, worker: Account, tmp_path: Path) -> AsyncIterator[Site]:
    """An issuer and a Valkey; web and worker are the test's to start."""
    async with around_krt(tmp_path) as around:
        yield Site(around, cluster, worker.kubeconfig)
