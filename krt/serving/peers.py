"""Network addresses of peers: trusted proxies, the addresses that count as one peer, and clients behind proxies."""

import ipaddress
import re
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# A provider's customer gets at least a /64 of IPv6, so a count of single addresses would bound nobody.
_IPV6_PREFIX_BITS = 64
_WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]+)\](?::\d{1,5})?|(?P<ipv4>[\d.]+):\d{1,5}", re.ASCII)


def parse_peer(text: str) -> IPAddress | None:
    """The address, or None if `text` is not one. An IPv4-mapped address becomes the IPv4 address; a zone is dropped."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted(address: IPAddress | None, trusted_proxies: Iterable[IPNetwork]) -> bool:
    """Whether the address lies in one of the networks. False for None."""
    return address is not None and any(address in network for network in trusted_proxies)


def peer_key(address: IPAddress | None) -> str:
    """The key under which connections are counted: an IPv4 address, or the /64 of an IPv6 address; "None" for None."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX_BITS), strict=False))
    return str(address)


def client_address(
    peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]], trusted_proxies: Iterable[IPNetwork]
) -> str:
    """The client's address: the peer's or, if that is a trusted proxy, one of X-Forwarded-For.

    It is the rightmost address there that is not a trusted proxy, or the leftmost one if all are. If an entry is not an
    address, the search ends with the proxy to the right of it. Empty if `peer` is None or has no IP address.
    """
    trusted = tuple(trusted_proxies)
    client = parse_peer(peer[0] if peer else "")
    for entry in reversed(_forwarded_for(headers)):
        if not is_trusted(client, trusted):
            break
        nearer = _parse_entry(entry)
        if nearer is None:
            break
        client = nearer
    return str(client or "")


def _forwarded_for(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    lines = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
    return b",".join(lines).decode("latin-1").split(",") if lines else []


def _parse_entry(entry: str) -> IPAddress | None:
    text = entry.strip()
    with_port = _WITH_PORT.fullmatch(text)
    return parse_peer(with_port["ipv6"] or with_port["ipv4"] if with_port else text)
