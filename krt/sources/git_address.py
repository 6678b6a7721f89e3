"""Where a git repository is. Pure.

Forms: `https://HOST/PATH`, `ssh://USER@HOST/PATH`, and git's short one, `USER@HOST:PATH` (git-fetch(1), GIT URLS).
"""

import re
from dataclasses import dataclass

import httpx

from krt.sources.errors import SourceRefused
from krt.sources.reference import is_link_local
from krt.sources.way import check_url

_MOST = 2048
_NO_URL = "the repository is not a URL"
_HOST = r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])"
_USER = r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
_SSH = re.compile(rf"ssh://{_USER}{_HOST}(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/.+)")
_SHORT = re.compile(rf"{_USER}{_HOST}:(?P<path>(?!//).+)")


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A repository behind https, or behind http on this machine. The URL has no `/` at its end."""

    url: httpx.URL

    @property
    def host(self) -> str:
        """The host alone."""
        return self.url.host

    def __str__(self) -> str:
        return str(self.url)


@dataclass(frozen=True, slots=True)
class SshAddress:
    """A repository behind ssh. `path` is as the server gets it; `port` 0 means ssh's default."""

    user: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        at, port = f"{self.user}@" if self.user else "", f":{self.port}" if self.port else ""
        return f"ssh://{at}{self.host}{port}/{self.path.removeprefix('/')}"


GitAddress = HttpAddress | SshAddress


def parse_repository(text: str) -> GitAddress:
    """The address. Raises SourceRefused with a sentence that does not quote a password."""
    if len(text) > _MOST or not text.isprintable() or not text.isascii() or " " in text:
        raise SourceRefused(_NO_URL)
    if text.startswith(("https://", "http://")):
        return _http(text)
    match = _SSH.fullmatch(text) if "://" in text else _SHORT.fullmatch(text)
    if match is None:
        raise SourceRefused(
            "krt fetches git from https://HOST/PATH, ssh://USER@HOST/PATH and USER@HOST:PATH, without a password in it"
        )
    return _ssh(match)


def _http(text: str) -> HttpAddress:
    try:
        url = httpx.URL(text.rstrip("/"))
    except httpx.InvalidURL:
        raise SourceRefused(_NO_URL) from None
    if not url.host:
        raise SourceRefused(_NO_URL)
    check_plain(url)
    return HttpAddress(url)


def check_plain(url: httpx.URL) -> None:
    """Raises SourceRefused unless krt may call the URL, and it has no password, query or fragment."""
    if url.userinfo:
        raise SourceRefused(f"the URL of {url.host} has a user or a password in it: they belong in a Secret")
    if url.query or url.fragment:
        raise SourceRefused(f"the URL of {url.host} has a query or a fragment in it, which names no repository")
    check_url(url, may_be_plain=True)


def _ssh(match: re.Match[str]) -> SshAddress:
    found = match.groupdict()
    host, path = found["host"], found["path"]
    if is_link_local(host):
        raise SourceRefused(f"{host} is a link-local address, which krt never calls")
    in_home = path.removeprefix("/") if path.startswith("/~") else path
    return SshAddress(found["user"] or "", host, int(found.get("port") or 0), in_home)
