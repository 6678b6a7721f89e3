"""A real Valkey for a test, and how to reach it."""

from collections.abc import AsyncIterator

import pytest

from krt.broker.client import Client, open_client
from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.dev.valkey import EmbeddedValkey, open_valkey


@pytest.fixture
async def valkey() -> AsyncIterator[EmbeddedValkey]:
    """An empty server of this test's own, on a unix socket."""
    async with open_valkey() as server:
        yield server


@pytest.fixture
def endpoint(valkey: EmbeddedValkey) -> Endpoint:
    return parse_endpoint(valkey.address)


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[Client]:
    async with open_client(endpoint) as opened:
        yield opened
