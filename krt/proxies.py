"""Which proxy is on the way to a URL, by the environment: one rule for every HTTP client of krt.

The variables are those of curl and of Go's golang.org/x/net/http/httpproxy, which kubectl goes by: `https_proxy` and
`http_proxy` by the URL's scheme, else `all_proxy`; in lower case before upper case, as curl has it. NO_PROXY is a list
with commas or blanks between its entries:

- `example.com` is that name and all names below it; `.example.com` and `*.example.com` are those below it alone, as Go
  has it
- `10.0.0.1`, `fd00::1` and `[fd00::1]` are addresses; `10.0.0.0/8` and `fd00::/8` are networks, and
  `::ffff:10.0.0.0/104` is that of IPv4
- `:443` after a name or an address restricts it to that port; an IPv6 address then stands in brackets. A colon alone
  restricts nothing, as in Go
- `*` is everything

Loopback addresses and `localhost` are never asked for through a proxy. An entry that is none of these is passed over.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx

from krt.errors import SettingsInvalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Exempts = Callable[[str, Address | None, int], bool]  # a host's name in lower case, or its address; a port

_PORTS = {"http": 80, "https": 443}
_WITH_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{0,5})")


@dataclass(frozen=True, slots=True, repr=False)  # URLs of proxies may hold a password
class Proxies:
    """The rule of one environment. `http` and `https` are URLs of proxies as they were given; empty: none.

    `always`: also on the way to what no environment sends there, for a proxy that belongs to one server.
    """

    http: str
    https: str
    exempt: tuple[Exempts, ...]
    always: bool = False

    def of(self, url: httpx.URL) -> str | None:
        """The proxy on the way to `url`, as `proxy_url` reads it; None: none. Raises ValueError as `proxy_url` does."""
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
    """The rule of these variables. A NO_PROXY that holds other things than it should is no error."""
    every = _variable(environ, "all_proxy")
    # Behind CGI the upper-case variable is a request's header `Proxy` (https://httpoxy.org).
    trusted = {name: text for name, text in environ.items() if name != "HTTP_PROXY" or "REQUEST_METHOD" not in environ}
    return Proxies(
        _variable(trusted, "http_proxy") or every,
        _variable(environ, "https_proxy") or every,
        tuple(_exempt(_variable(environ, "no_proxy"))),
    )


def check_way(proxies: Proxies, url: str) -> None:
    """Raises SettingsInvalid where a proxy is on the way to `url` that cannot be used."""
    try:
        proxies.of(httpx.URL(url))
    except ValueError as error:
        raise SettingsInvalid((f"{variables(httpx.URL(url).scheme)} {error}",)) from None


def variables(scheme: str) -> str:
    """The variables that may have named the proxy on the way to a URL of that scheme."""
    return f"{scheme.upper()}_PROXY (or ALL_PROXY)"


def proxy_url(text: str) -> str:
    """The URL of an HTTP proxy, `http://` added where no scheme stands. Raises ValueError with half a sentence.

    The sentence does not quote the URL, which may hold a password.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("is no http:// or https:// URL of a proxy")
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL:
        raise ValueError("is no http:// or https:// URL of a proxy") from None
    if url.scheme.startswith("socks"):
        raise ValueError("names a SOCKS proxy, and krt knows http:// and https:// proxies only")
    if url.scheme not in _PORTS or not url.host:
        raise ValueError("is no http:// or https:// URL of a proxy")
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


def _of_ipv4(network: Network) -> Network:
    """One of IPv4 within IPv6 as that of IPv4: hosts are, too."""
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


def _address(text: str) -> Address | None:
    """The address that stands there; one of IPv4 within IPv6 is that of IPv4, as in Go."""
    address = _plain(text)
    return getattr(address, "ipv4_mapped", None) or address


def _plain(text: str) -> Address | None:
    """The address as it stands there, in brackets or not."""
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None


def _ascii(name: str) -> str:
    """A name as it stands in a URL after IDNA, with the dot that it may begin with; empty where it is none."""
    bare = name.removeprefix(".")
    try:
        host = httpx.URL(scheme="http", host=bare).raw_host.decode("ascii") if bare else ""
    except httpx.InvalidURL:
        return ""
    return name.removesuffix(bare) + host if host else ""
