import pytest

from tests.apiserver.server import ApiServer
from tests.delivery.runs import Runs


@pytest.fixture
def runs(apiserver: ApiServer, namespace: str) -> Runs:
    """The administrator's."""
    return Runs(apiserver, namespace, apiserver.control_plane.kubeconfig)
