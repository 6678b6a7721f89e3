"""Listen addresses as text and as values. `sockets.py` resolves and binds them."""

import ipaddress
import re
from dataclasses import dataclass

_SHAPE = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<name>[^\[\]:]*)):(?P<port>[0-9]{1,5})", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_MAX_PORT = 65535
_MAX_NAME_CHARACTERS = 253


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    An empty host means every address of the machine, IPv6 and IPv4. Port 0 means any free port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `:8080`, `127.0.0.1:0`, `localhost:8080` or `[::1]:8080`. Raises ValueError with one sentence."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError(f"{text!r} is not a listen address: {_what_is_wrong(text)}")
    port = int(shape["port"])
    if port > _MAX_PORT:
        raise ValueError(f"{text!r} is not a listen address: ports end at {_MAX_PORT}")
    if shape["literal"] is not None:
        return Address(_ipv6(shape["literal"], text), port)
    return Address(_name(shape["name"], text), port)


def _what_is_wrong(text: str) -> str:
    if "://" in text:
        return "write host:port without a scheme"
    if text.count(":") > 1 and "[" not in text:
        return "an IPv6 address stands in brackets, as in [::1]:8080"
    return "write host:port, or :port for every address of the machine"


def _ipv6(literal: str, text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(literal))
    except ValueError:
        raise ValueError(f"{text!r} is not a listen address: {literal!r} is not an IPv6 address") from None


def _name(name: str, text: str) -> str:
    labels = name.split(".")
    if labels[-1].isdecimal():  # a last label of digits can only be an IPv4 address (RFC 3696, section 2)
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise ValueError(f"{text!r} is not a listen address: {name!r} is not an IPv4 address") from None
    if name and (len(name) > _MAX_NAME_CHARACTERS or not all(map(_LABEL.fullmatch, labels))):
        raise ValueError(f"{text!r} is not a listen address: {name!r} is not a host name")
    return name.lower()
