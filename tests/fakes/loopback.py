"""Keeps this process from connecting beyond this machine while a test runs."""

import ipaddress
import sys
from collections.abc import Iterator

import pytest

_guarding = False


@pytest.fixture
def loopback_only() -> Iterator[None]:
    """Raise an error wherever code looks up a name or connects to another machine."""
    global _guarding  # noqa: PLW0603 - an audit hook cannot be removed
    _guarding = True
    yield
    _guarding = False


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if not _guarding:
        return
    if event == "socket.connect":
        where = arguments[1]
        _check(where[0] if isinstance(where, tuple) else None)  # otherwise a unix socket
    elif event == "socket.getaddrinfo":
        _check(arguments[0])


def _check(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        here = ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        here = False
    if not here:
        raise AssertionError(f"a test reaches for {name!r}")


sys.addaudithook(_look)
