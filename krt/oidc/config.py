"""Checks the settings for issuer, audience and proxy. Pure; it imports nothing else of krt."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.~-]+)*")
_AUDIENCE = re.compile(r"[!-~]{1,255}")
_GITHUB = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Issuer:
    """The issuer of the tokens. `url` equals their `iss` claim, character by character."""

    url: str

    @property
    def keys_url(self) -> str:
        """The URL of the issuer's JWKS. It depends on `url` alone, and on no token and no discovery document."""
        return f"{self.url}/.well-known/jwks"


def parse_issuer(text: str) -> Issuer:
    """The issuer whose URL is `text`. Raises ValueError with one sentence."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"write a URL such as {_GITHUB} ({error})") from error
    if url.scheme not in ("https", "http") or not _HOST.fullmatch(url.netloc.removesuffix(f":{port}")):
        raise ValueError(f"write a URL such as {_GITHUB}, in lower case, without user")
    if url.geturl() != text or not _PATH.fullmatch(url.path) or url.query or url.fragment:
        raise ValueError("write the URL exactly as it stands in the tokens' iss claim, without a '/' at its end")
    if url.scheme == "http" and not _is_loopback(url):
        raise ValueError(
            "http is for an issuer on this machine only: "
            "a server that answers in the issuer's place would decide who may call"
        )
    return Issuer(text)


def parse_audience(text: str) -> str:
    """The audience that tokens must name. Raises ValueError with one sentence."""
    if not _AUDIENCE.fullmatch(text):
        raise ValueError("write this installation's own URL: 1 to 255 ASCII characters without spaces")
    check_audience(text, Issuer(_GITHUB))
    return text


def check_audience(audience: str, issuer: Issuer) -> None:
    """Raise ValueError with one sentence if GitHub puts `audience` into tokens by default.

    Such a token was not made for krt, and every service that gets it could use it here. The default audience is the
    URL of the GitHub server with an owner, so every audience on that host is refused. The host follows from the issuer:
    an Enterprise Server is an issuer under a path of its own host; the issuer of a ghe.com host is that host with
    `token.actions.` in front.
    https://docs.github.com/en/enterprise-server/actions/reference/security/oidc
    """
    host = _host(audience)
    if host and host in {"github.com", _host(issuer.url).removeprefix("token.actions.")}:
        raise ValueError(
            f"tokens are made for an audience under https://{host}/ by default and sent to many services, "
            "each of which could call krt with them; write this installation's own URL"
        )


def parse_proxy(text: str) -> str:
    """The URL of an HTTP proxy. Raises ValueError with one sentence, without the URL: it may hold a password."""
    if not _is_proxy(text):
        raise ValueError("write the proxy as http://host:port, with user:password@ before the host if it asks for them")
    return text


def _host(text: str) -> str:
    """The host of a URL, with the port if it is neither 80 nor 443. Empty if `text` is not a URL with a host."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return ""
    name = (url.hostname or "").rstrip(".")
    return name if port in {None, 80, 443} else f"{name}:{port}"


def _is_proxy(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    host = url.netloc.rpartition("@")[2].removesuffix(f":{port}")
    rest = (url.path.strip("/"), url.query, url.fragment)
    return url.scheme in ("http", "https") and _HOST.fullmatch(host.lower()) is not None and not any(rest)


def _is_loopback(url: SplitResult) -> bool:
    try:
        return url.hostname == "localhost" or ipaddress.ip_address(url.hostname or "").is_loopback
    except ValueError:
        return False
