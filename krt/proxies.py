"""Chooses the proxy for a URL from the environment: one rule for every HTTP client of krt.

The variables are those of curl and of Go's golang.org/x/net/http/httpproxy, which kubectl uses: `https_proxy` for
https:// URLs and `http_proxy` for http:// URLs. If the variable of a scheme is not set, `all_proxy` counts. A
lower-case variable wins over an upper-case one, as in curl. NO_PROXY is a list; commas or blanks separate its entries:

- `example.com` matches that name and all names below it; `.example.com` and `*.example.com` match only the names below
  it, as in Go
- `10.0.0.1`, `fd00::1` and `[fd00::1]` are addresses; `10.0.0.0/8` and `fd00::/8` are networks. `::ffff:10.0.0.0/104`
  is the IPv4 network 10.0.0.0/8
- `:443` after a name or an address restricts the entry to that port; an IPv6 address then needs brackets. A colon
  without a port restricts nothing, as in Go
- `*` matches everything

An entry of any other form is ignored. To loopback addresses and `localhost` krt connects directly, unless a kubeconfig
has a `proxy-url`.

krt does not use httpx's `trust_env` or urllib's `getproxies`: neither understands networks in NO_PROXY. curl and
kubectl do, so krt would use a proxy where they connect directly.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx

from krt.errors import SettingsInvalid

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network
Exempts = Callable[[str, IpAddress | None, int], bool]  # (lower-case host, the same as an address if it is one, port)

_PORTS = {"http": 80, "https": 443}
_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{0,5})")


@dataclass(frozen=True, slots=True, repr=False)  # URLs of proxies may hold a password
class Proxies:
    """The proxies of one environment. `http` and `https` are proxy URLs as written there; empty means no proxy.

    If `always` is true, no host is exempt, not even loopback. A kubeconfig's `proxy-url` needs this: it belongs to one
    server.
    """

    http: str
    https: str
    exempt: tuple[Exempts, ...]
    always: bool = False

    @property
    def are_secure(self) -> bool:
        """Whether one of them is called by TLS: an https:// URL."""
        return any(url.lower().startswith("https:") for url in (self.http, self.https))

    def of(self, url: httpx.URL) -> str | None:
        """The proxy's URL for `url`, or None for a direct connection. Raises ValueError as `proxy_url` does."""
        proxy = {"http": self.http, "https": self.https}.get(url.scheme, "")
        return proxy_url(proxy) if proxy and not self._is_exempt(url) else None

    def _is_exempt(self, url: httpx.URL) -> bool:
        if self.always:
            return False
        name = url.raw_host.decode("ascii").lower().removesuffix(".")
        address, port = _address(name), url.port or _PORTS[url.scheme]
        if name == "localhost" or (address and address.is_loopback):
            return True
        return any(exempts(name, address, port) for exempts in self.exempt)


def proxies_of(environ: Mapping[str, str]) -> Proxies:
    """The proxies that the variables in `environ` name. NO_PROXY entries of unknown form are ignored."""
    every = _variable(environ, "all_proxy")
    # Under CGI a client sets HTTP_PROXY by the request header `Proxy` (https://httpoxy.org).
    trusted = {name: text for name, text in environ.items() if name != "HTTP_PROXY" or "REQUEST_METHOD" not in environ}
    return Proxies(
        _variable(trusted, "http_proxy") or every,
        _variable(environ, "https_proxy") or every,
        tuple(_exempt(_variable(environ, "no_proxy"))),
    )


def check_way(proxies: Proxies, url: str) -> None:
    """Raise SettingsInvalid if the environment names an unusable proxy for `url`."""
    try:
        proxies.of(httpx.URL(url))
    except ValueError as error:
        raise SettingsInvalid((f"{variables(httpx.URL(url).scheme)} {error}",)) from None


def variables(scheme: str) -> str:
    """The names of the variables that choose the proxy for URLs of this scheme, as error sentences show them."""
    return f"{scheme.upper()}_PROXY (or ALL_PROXY)"


def proxy_url(text: str) -> str:
    """The URL of an HTTP proxy, without path, query and fragment. `http://` is added if `text` has no scheme.

    Raises ValueError with the end of a sentence; the caller puts the variable's name in front. The sentence does not
    quote the URL, which may hold a password.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("is not the http:// or https:// URL of a proxy")
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL:
        raise ValueError("is not the http:// or https:// URL of a proxy") from None
    if url.scheme.startswith("socks"):
        raise ValueError("names a SOCKS proxy, and krt knows http:// and https:// proxies only")
    if url.scheme not in _PORTS or not url.host:
        raise ValueError("is not the http:// or https:// URL of a proxy")
    return str(url.copy_with(path="/", query=None, fragment=None))


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip() or environ.get(name.upper(), "").strip()


def _exempt(text: str) -> Iterator[Exempts]:
    for entry in re.split(r"[\s,]+", text.lower()):
        if entry == "*":
            yield lambda _name, _address, _port: True
        elif "/" in entry:
            yield from _network(entry)
        elif entry:
            yield from _host(entry)


def _network(entry: str) -> Iterator[Exempts]:
    start, _, bits = entry.partition("/")
    if (address := _plain(start)) is None or not bits.isdecimal() or int(bits) > address.max_prefixlen:
        return
    network = _of_ipv4(ipaddress.ip_network(f"{address}/{bits}", strict=False))
    yield lambda _name, host, _port: host is not None and host.version == network.version and host in network


def _of_ipv4(network: IpNetwork) -> IpNetwork:
    """The network. An IPv4-mapped IPv6 network becomes the IPv4 network, because `_address` converts hosts so, too."""
    bits = network.prefixlen - 96
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return network if mapped is None or bits < 0 else ipaddress.ip_network(f"{mapped}/{bits}")


def _host(entry: str) -> Iterator[Exempts]:
    found = None if _address(entry) else _WITH_PORT.fullmatch(entry)
    host, wanted = (found[1], int(found[2]) if found[2] else None) if found else (entry, None)
    if (own := _address(host)) is not None:
        yield lambda _name, address, port: address == own and wanted in {None, port}
    elif suffix := _ascii(re.sub(r"^\*(?=\.)", "", host).removesuffix(".")):
        below = suffix if suffix.startswith(".") else f".{suffix}"
        yield (
            lambda name, address, port: (
                address is None and (name == suffix or name.endswith(below)) and wanted in {None, port}
            )
        )


def _address(text: str) -> IpAddress | None:
    """The address that `text` spells; None if it spells none. An IPv4-mapped IPv6 address becomes IPv4, as in Go."""
    address = _plain(text)
    return getattr(address, "ipv4_mapped", None) or address


def _plain(text: str) -> IpAddress | None:
    """The address that `text` spells, with or without brackets and without its zone; None if it spells none."""
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None


def _ascii(name: str) -> str:
    """The host name in its IDNA form, as URLs have it; a leading dot stays. Empty if `name` is not a host name."""
    bare = name.removeprefix(".")
    try:
        host = httpx.URL(scheme="http", host=bare).raw_host.decode("ascii") if bare else ""
    except httpx.InvalidURL:
        return ""
    return name.removesuffix(bare) + host if host else ""
