"""Workers in a world of fakes with virtual time, or before a real Valkey."""

import pytest
import trio
from trio.testing import MockClock

from tests.fakes.journal import Stream
from tests.fakes.valkey import client, endpoint, valkey
from tests.fakes.workloads import FakeWorkloads
from tests.worker.workers import World, web

__all__ = ["client", "endpoint", "valkey"]


@pytest.fixture
def world(autojump_clock: MockClock, nursery: trio.Nursery) -> World:
    """Empty, but for the Deployment shop/web, which runs ghcr.io/acme/shop:dev and was never restarted."""
    return World(nursery, Stream(), FakeWorkloads(web()))
