import socket

import pytest

from tests.fakes.loopback import loopback_only

__all__ = ["loopback_only"]


@pytest.mark.usefixtures("loopback_only")
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_what_is_not_this_machine_is_not_connected_to(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(AssertionError, match=host):
        client.connect((host, 80))


@pytest.mark.usefixtures("loopback_only")
def test_no_name_is_looked_up():
    with pytest.raises(AssertionError, match=r"krt\.example\.com"):
        socket.getaddrinfo("krt.example.com", 80)


@pytest.mark.usefixtures("loopback_only")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", None])
def test_this_machine_is_within_reach(host):
    assert socket.getaddrinfo(host, 80, flags=socket.AI_NUMERICSERV)
