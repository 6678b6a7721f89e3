"""Checks the addresses to which `krt notify` may send a token."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit, urlunsplit

import httpx

# Names that the resolver would refuse with an error of its own are refused here (RFC 1035, section 2.3.4).
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class KrtServer:
    """The address of krt web. `base` is its URL without a final slash; `origin` is scheme, host and port."""

    base: str
    origin: str

    @property
    def event_url(self) -> str:
        """The URL for announcements."""
        return f"{self.base}/event"

    @property
    def dry_run_url(self) -> str:
        """The URL for announcements that restart nothing."""
        return f"{self.base}/event/dry-run"

    def status_url(self, event_id: str) -> str:
        """The URL of the event's report."""
        return f"{self.base}/events/{event_id}"


def parse_server(text: str) -> KrtServer:
    """The server at the URL `text`, which may end in /event. Raises ValueError as `parse` does."""
    url = parse(text)
    if "?" in text or "#" in text:
        raise ValueError("it has a query or a fragment")
    path = url.raw_path.decode("ascii").rstrip("/").removesuffix("/event").rstrip("/")
    origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
    return KrtServer(base=origin + path, origin=origin)


def parse(text: str) -> httpx.URL:
    """The URL, if a token may be sent there: https, or http to loopback. No sentence of a ValueError quotes `text`."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("it is not a URL") from None
    host = url.raw_host.decode("ascii")
    if url.scheme not in ("http", "https") or not _is_host(host) or not _is_port(url.port):
        raise ValueError("it is not an http or https URL")
    if url.userinfo:
        raise ValueError("it holds a user or a password")
    if url.scheme == "http" and not _is_loopback(host):
        raise ValueError("plain http would show the token to others: use https, or an address of loopback")
    return url


def shown(url: str) -> str:
    """The URL of a Location header without user, parameters, query and fragment, which may hold a secret."""
    try:
        its = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    if not its.netloc and not (its.path.startswith("/") and its.scheme in {"", "http", "https"}):
        return f"{its.scheme}:…" if its.scheme else its.path.partition(";")[0]
    return urlunsplit((its.scheme, its.netloc.rpartition("@")[2], its.path.partition(";")[0], "", ""))


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_host(host: str) -> bool:
    return _NAME.fullmatch(host) is not None or _address(host) is not None


def _is_port(port: int | None) -> bool:
    return port is None or 0 < port <= 65535


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
