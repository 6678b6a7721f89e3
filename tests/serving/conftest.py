"""A clock for tests over real sockets."""

import ipaddress

import pytest
from trio.testing import MockClock


@pytest.fixture
def patient_clock() -> MockClock:
    """Jumps to the next deadline once nothing happened for a moment, so that loopback has time to deliver."""
    return MockClock(autojump_threshold=0.02)


@pytest.fixture
def trusted() -> tuple[ipaddress.IPv4Network, ...]:
    return (ipaddress.ip_network("127.0.0.2/32"),)
