"""One process for each module of attacks: they are many, and none of them may end it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.door.door import AUDIENCE, POLICY, PROXY, Door, Watch, watching
from tests.door.process import krt_web
from tests.door.surroundings import Surroundings, surroundings


@pytest.fixture(scope="module")
def around() -> Iterator[Surroundings]:
    with surroundings() as around:
        yield around


@pytest.fixture(scope="module")
def environ(around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of every krt web of the module."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(POLICY)
    own = {"KRT_POLICY": str(policy), "GITHUB_OIDC_AUDIENCE": AUDIENCE, "KRT_TRUSTED_PROXIES": PROXY}
    return {**around.environ, **own}


@pytest.fixture(scope="module")
def door(around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """It must have lived through all of it, kept every secret, and stop when told."""
    with krt_web(tmp_path_factory.mktemp("log"), environ) as process:
        door = Door(around, process)
        yield door
        assert process.is_alive()
        assert process.stop() == 0
        door.assert_log_keeps_secrets()


@pytest.fixture
async def watch(door: Door) -> AsyncIterator[Watch]:
    async with watching(door) as watch:
        yield watch
