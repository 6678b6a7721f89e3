"""Where an image is: the registry to ask, the repository there, and the tag or the digest. Pure."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

import httpx

from krt.core.announce import image
from krt.sources.errors import SourceRefused

_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RegistryReference:
    """An image in a registry. `host` is as people write it, `docker.io` for Docker Hub; `path` has no tag.

    Of `tag` and `digest` one may be "": if both are given, the digest counts.
    """

    host: str
    path: str
    tag: str
    digest: str

    @property
    def api_host(self) -> str:
        """The host, with its port if it has one, that answers for the registry."""
        return _HUB_API if self.host == _HUB else self.host

    @property
    def name(self) -> str:
        """Host and path."""
        return f"{self.host}/{self.path}"

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def parse_reference(text: str) -> RegistryReference:
    """The reference as docker reads it; without tag and digest the tag is `latest`. Raises SourceRefused."""
    try:
        found = image.parse(text.removeprefix("oci://"))
    except ValueError as error:
        raise SourceRefused(f"could not parse reference: {error}") from None
    if found.digest and not _SHA256.fullmatch(found.digest):
        raise SourceRefused("could not parse reference: krt verifies digests of the form sha256:64 hexadecimal digits")
    host, _, path = found.repository.partition("/")
    return RegistryReference(host, path, found.tag or "", found.digest or "")


def is_loopback(url: httpx.URL) -> bool:
    """Whether the URL leads to this machine by its spelling: an address, or `localhost`."""
    name = url.host.rstrip(".").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def is_link_local(host: str) -> bool:
    """Whether the host is a link-local address, such as that of a cloud's metadata service."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_link_local
