"""Fixtures of the real API server, and what becomes of the tests that need it where its programs are missing.

    async def test_something(apiserver, namespace, kubelet):
        await apiserver.apply(a_deployment(namespace=namespace, replicas=2))

Missing programs skip those tests, or fail them where CI=true; one line at the end of the run says so.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.apiserver import bundles
from tests.apiserver.binaries import FILL_COMMAND, missing_programs
from tests.apiserver.control_plane import ControlPlane, started_control_plane
from tests.apiserver.kubelet import Kubelet, open_kubelet
from tests.apiserver.server import ApiServer, open_apiserver
from tests.fakes.https_proxy import HttpsProxy, open_https_proxy
from tests.fakes.real_part import RealPart


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """One for the whole run."""
    with started_control_plane() as processes:
        yield processes


@pytest.fixture
async def apiserver(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with open_apiserver(control_plane, tmp_path) as server:
        yield server


@pytest.fixture
async def namespace(apiserver: ApiServer) -> AsyncIterator[str]:
    """A new one; with all that is in it gone from every list before the next test begins."""
    name = await apiserver.create_namespace()
    yield name
    await apiserver.control_plane.heal()
    await apiserver.delete_namespace(name)


@pytest.fixture
async def kubelet(apiserver: ApiServer, namespace: str) -> AsyncIterator[Kubelet]:
    """Of this namespace; its pods become ready at once unless the test decides otherwise."""
    async with open_kubelet(apiserver.client, namespace) as tests_own:
        yield tests_own


@pytest.fixture
async def bundle_server(apiserver: ApiServer) -> AsyncIterator[ApiServer]:
    """The API server with the kinds Bundle and BundleDeployment, and no object of theirs before and after the test."""
    await bundles.serve(apiserver, *bundles.crds())
    yield apiserver
    await apiserver.control_plane.heal()
    await bundles.remove_all(apiserver)


@pytest.fixture
async def api_proxy(apiserver: ApiServer, tmp_path: Path) -> AsyncIterator[HttpsProxy]:
    """In front of the API server, for faults; `apiserver.kubeconfig(token, proxy=api_proxy)` leads here."""
    context = apiserver.control_plane.ssl_context
    async with open_https_proxy(apiserver.url, context, tmp_path) as proxy:
        yield proxy


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        RealPart(
            "apiserver",
            fixture="control_plane",
            missing=missing_programs,
            command=FILL_COMMAND,
            remedy="fills the folder",
            ran="real API server: {} tests ran against it",
        )
    )
