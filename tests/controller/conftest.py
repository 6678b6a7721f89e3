from collections.abc import AsyncIterator

import pytest

from tests.apiserver.server import ApiServer
from tests.controller.desk import Desk, install_definitions

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


@pytest.fixture
async def desk(apiserver: ApiServer, namespace: str) -> AsyncIterator[Desk]:
    """With RukPak's kinds, and the account that installs."""
    await install_definitions(apiserver)
    await apiserver.account(namespace, "krt-deployer", [EVERYTHING], everywhere=True)
    desk = Desk(apiserver, namespace)
    yield desk
    await desk.clear()
