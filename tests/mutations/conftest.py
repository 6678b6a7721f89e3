from collections.abc import Iterator

import pytest

from tests.mutations.copied import Copy, copied


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    with copied(tmp_path_factory.mktemp("mutations")) as copy:
        yield copy
