import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.serving.peers import client_address, parse_peer, peer_key

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
CLIENTS = {
    "no proxy": ("203.0.113.7", [], "203.0.113.7"),
    "an untrusted peer says nothing": ("203.0.113.7", [b"198.51.100.1"], "203.0.113.7"),
    "one proxy": ("10.0.0.1", [b"203.0.113.7"], "203.0.113.7"),
    "what the client wrote is to the left": ("10.0.0.1", [b"1.1.1.1, 203.0.113.7"], "203.0.113.7"),
    "two proxies": ("10.0.0.1", [b"203.0.113.7, 10.0.0.2"], "203.0.113.7"),
    "two lines": ("10.0.0.1", [b"1.1.1.1", b"203.0.113.7,10.0.0.2"], "203.0.113.7"),
    "only proxies": ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    "a proxy that says nothing": ("10.0.0.1", [], "10.0.0.1"),
    "an empty line": ("10.0.0.1", [b""], "10.0.0.1"),
    "no address": ("10.0.0.1", [b"203.0.113.7, unknown"], "10.0.0.1"),
    "no address behind a proxy": ("10.0.0.1", [b"unknown, 10.0.0.2"], "10.0.0.2"),
    "a port": ("10.0.0.1", [b"203.0.113.7:4711"], "203.0.113.7"),
    "IPv6": ("fd00::1", [b"2001:db8::7"], "2001:db8::7"),
    "IPv6 with a port": ("fd00::1", [b"[2001:DB8::7]:4711"], "2001:db8::7"),
    "IPv4 within IPv6": ("::ffff:10.0.0.1", [b"::ffff:203.0.113.7"], "203.0.113.7"),
    "escapes": ("10.0.0.1", [b"\x1b[2J\xff"], "10.0.0.1"),
    "no peer": (None, [b"203.0.113.7"], ""),
}


def call(peer, lines):
    return (peer, 1) if peer else None, [(b"x-forwarded-for", line) for line in lines], TRUSTED


@pytest.mark.parametrize(("peer", "lines", "client"), CLIENTS.values(), ids=CLIENTS)
def test_the_client_is_the_rightmost_address_that_is_no_trusted_proxy(peer, lines, client):
    assert client_address(*call(peer, lines)) == client


@given(st.binary(max_size=200))
def test_whatever_is_forwarded_the_client_is_an_address(line):
    ipaddress.ip_address(client_address(*call("10.0.0.1", [line])))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8::1", "2001:db8::2:3:4:5", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_a_peer_is_an_ipv4_address_or_an_ipv6_network_of_64_bits(one, other, same):
    assert (peer_key(parse_peer(one)) == peer_key(parse_peer(other))) is same
