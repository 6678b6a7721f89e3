"""The stand-in cluster with its sample Deployments, and a client that speaks to it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from krt.dev.cluster import StandInCluster, sample_deployments
from tests.dev.cluster_client import connected


@pytest.fixture
def cluster() -> StandInCluster:
    return StandInCluster(sample_deployments())


@pytest.fixture
async def client(cluster: StandInCluster) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(cluster) as client:
        yield client
