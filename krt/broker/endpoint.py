"""The address of Valkey with the user that krt connects as, and the parser of VALKEY_ADDR."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from valkey.connection import parse_url

from krt.secret import Secret


@dataclass(frozen=True, slots=True)
class FromFile:
    """A user name or password in a mounted file. Each connect reads the file again, so that it can be rotated."""

    path: Path


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS with these files. Each connect reads them again; `krt.tls.client_context` says what None means."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Tcp:
    """A host and a port. Raises ValueError with a clause if either is impossible."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host) or len(self.host) > 253:
            raise ValueError("names no host")
        if not 0 < self.port < 65536:
            raise ValueError("has a port outside of 1 to 65535")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    """A Unix socket."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Valkey, and the user that krt connects as. `str()` names only the address, so any message may quote it.

    `connect_seconds` bounds one connect with its handshakes, `call_seconds` one command and its reply.
    """

    address: Tcp | Unix
    database: int = 0
    username: str | FromFile | None = None
    password: Secret | FromFile | None = None
    tls: Tls | None = None
    connect_seconds: float = 3.0
    call_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.tls is not None and isinstance(self.address, Unix):
            raise ValueError("TLS is for host:port: over a unix socket there is no name to verify")

    def __str__(self) -> str:
        return f"Valkey at {self.address}"


def parse_endpoint(addr: str) -> Endpoint:
    """The endpoint for `host:port` or a URL. An empty host means localhost, as in the Go peer of docs/migrating.md.

    Raises ValueError with one sentence that quotes nothing of `addr`, because a password may be anywhere in it.
    """
    if plain := _HOST_AND_PORT.fullmatch(addr):
        host = plain["host"].strip("[]") or "localhost"
        return Endpoint(Tcp(host, int(plain["port"])))
    if "://" not in addr:
        raise ValueError(f"is not an address with a port: {_FORMS}")
    return _parse_url(addr)


_LABEL = r"[A-Za-z0-9_-]{1,63}"
_IPV6 = r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?|{_IPV6}")
_HOST_AND_PORT = re.compile(rf"(?P<host>\[{_IPV6}\]|[^:/@\[\]]*):(?P<port>[0-9]{{1,5}})")
_FORMS = "write host:port, [::1]:6379, valkey://user:password@host:6379/0, valkeys://… or unix:///path?db=0"
_SCHEMES_WITH_TLS = {"valkeys", "rediss"}
_SCHEMES = {"valkey", "redis", "unix"} | _SCHEMES_WITH_TLS


def _parse_url(url: str) -> Endpoint:
    parts = _split(url)
    _check_nothing_is_ignored(parts)
    options = parse_url(url)
    return Endpoint(
        Unix(Path(options["path"])) if parts.scheme == "unix" else _tcp(options),
        database=options.get("db", 0),
        username=options.get("username"),
        password=Secret(options["password"]) if "password" in options else None,
        tls=Tls() if parts.scheme in _SCHEMES_WITH_TLS else None,
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.port != 0:
            return parts
    except ValueError:  # dropped, because it may quote a password
        pass
    raise ValueError(f"is not a URL (in user and password, / ? # @ % are written %2F and so on): {_FORMS}")


def _check_nothing_is_ignored(parts: SplitResult) -> None:
    """Raise ValueError for an unknown scheme, or a part of the URL that valkey's `parse_url` would silently ignore."""
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"has a scheme that krt does not know: {_FORMS}")
    if parts.fragment or not re.fullmatch(r"(db=[0-9]{1,5})?", parts.query):
        raise ValueError(f"has a fragment, or an option other than db=NUMBER: {_FORMS}")
    if parts.scheme == "unix" and (parts.hostname or not parts.path.strip("/")):
        raise ValueError(f"names no absolute path: {_FORMS}")
    if parts.scheme != "unix" and not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path):
        raise ValueError(f"has a path that is not the number of a database: {_FORMS}")


def _tcp(options: Mapping[str, Any]) -> Tcp:
    return Tcp(options.get("host", "localhost"), options.get("port", 6379))
