from collections.abc import AsyncIterator

import pytest

from tests.apiserver.bundles import crds, serve
from tests.apiserver.server import ApiServer
from tests.controller.desk import Desk

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.fixture
async def desk(apiserver: ApiServer, namespace: str) -> AsyncIterator[Desk]:
    """With RukPak's kinds, and the account that installs."""
    await serve(apiserver, *crds())
    await apiserver.account(namespace, "krt-deployer", [EVERYTHING], everywhere=True)
    desk = Desk(apiserver, namespace)
    yield desk
    await desk.clear()
