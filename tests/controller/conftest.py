from collections.abc import AsyncIterator

import pytest

from tests.apiserver.apps import app_crd
from tests.apiserver.bundles import crds, serve
from tests.apiserver.server import ApiServer
from tests.controller.desk import Desk
from tests.controller.secrets_desk import SecretsDesk
from tests.sources.fetching import a_fetcher

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.fixture
async def desk(apiserver: ApiServer, namespace: str) -> AsyncIterator[Desk]:
    """With RukPak's kinds, and the account that installs."""
    await serve(apiserver, *crds())
    await apiserver.account(namespace, "krt-deployer", [EVERYTHING], everywhere=True)
    desk = Desk(apiserver, namespace)
    yield desk
    await desk.clear()


@pytest.fixture
async def secrets(apiserver: ApiServer, namespace: str) -> AsyncIterator[SecretsDesk]:
    """With the kind App; the Namespace is an environment."""
    await serve(apiserver, app_crd())
    desk = SecretsDesk(apiserver, namespace)
    await desk.associate()
    yield desk
    await desk.clear()


@pytest.fixture
def real(desk: Desk) -> Desk:
    """Its controller fetches from real places."""
    desk.fetches = a_fetcher()
    return desk
