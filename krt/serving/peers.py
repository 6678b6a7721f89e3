"""Network addresses of peers: which are trusted proxies, which count as one, who stands behind them."""

import ipaddress
import re
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# One customer gets at least this much of IPv6: counting single addresses would bound nobody.
_IPV6_PREFIX_BITS = 64
_WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]+)\](?::\d{1,5})?|(?P<ipv4>[\d.]+):\d{1,5}", re.ASCII)


def parse_peer(text: str) -> IPAddress | None:
    """None when it is no address. IPv4 written inside IPv6 is that IPv4 address; zones are dropped."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted(address: IPAddress | None, trusted_proxies: Iterable[IPNetwork]) -> bool:
    return address is not None and any(address in network for network in trusted_proxies)


def peer_key(address: IPAddress | None) -> str:
    """What counts as one peer: an IPv4 address, or the /64 of an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX_BITS), strict=False))
    return str(address)


def client_address(
    peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]], trusted_proxies: Iterable[IPNetwork]
) -> str:
    """The peer, or if that is a trusted proxy the rightmost untrusted address of X-Forwarded-For.

    An entry that is no address ends the search: the proxy right of it is the last one known.
    Empty without a peer.
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
