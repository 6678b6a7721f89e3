"""Fixtures for a real Valkey, its endpoint and a client."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from krt.broker.client import Client, open_client
from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.dev.valkey import EmbeddedValkey, open_valkey
from tests.fakes.pace import slack


@pytest.fixture
async def valkey() -> AsyncIterator[EmbeddedValkey]:
    """An empty server for this test, on a unix socket."""
    async with open_valkey() as server:
        yield server


@pytest.fixture
def endpoint(valkey: EmbeddedValkey) -> Endpoint:
    return parse_endpoint(valkey.address)


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[Client]:
    """A client whose deadlines suit this machine."""
    async with open_client(replace(endpoint, call_seconds=slack(endpoint.call_seconds))) as opened:
        yield opened
