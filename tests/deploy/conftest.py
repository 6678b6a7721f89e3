"""`installation`: each overlay in turn, on the real API server, for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.apiserver.control_plane import ControlPlane
from tests.deploy.installation import Installation, installed
from tests.deploy.rendered import Variant


@pytest.fixture(scope="module")
def installation(
    request: pytest.FixtureRequest, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Of the Variant that the test names by an indirect parameter."""
    variant: Variant = request.param
    with installed(control_plane, variant.folder(tmp_path_factory.mktemp(str(variant)))) as made:
        yield made
