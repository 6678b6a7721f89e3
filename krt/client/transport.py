"""Makes one HTTP exchange that carries a token: TLS, proxies, no redirects, bounded answers. Errors become values."""

import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import trio

import krt
from krt.client.outcome import NotYet
from krt.errors import SettingsInvalid
from krt.http import Routed, bounded_body, cause_of
from krt.proxies import check_way, proxies_of
from krt.secret import STARS
from krt.tls import adding_context

T = TypeVar("T")

LONGEST_ANSWER_BYTES = 64 * 1024
_MOST_WAIT_SECONDS = 30.0  # bounds Retry-After: a proxy may ask for years
_ANY = "https://krt.invalid"  # for checking the proxy of https URLs without a server's name
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF", "reset by peer")  # handshake errors of servers without TLS
NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `body` is cut at a bound: the status of a proxy's long error page still counts."""

    url: str
    status: int
    location: str
    wait_seconds: float
    body: bytes
    etag: str = ""
    date: str = ""  # the server's clock
    request_id: str = ""
    server: str = ""  # the Server header; krt web sends none

    def without(self, secret: str) -> "Answer":
        """A copy with *** in place of `secret`, because a server may echo the request, and the log must not show it."""
        body = self.body.replace(secret.encode(), STARS.encode())
        location, server = (text.replace(secret, STARS) for text in (self.location, self.server))
        return replace(self, location=location, server=server, body=body)

    def document(self, kind: type[T]) -> T | None:
        """The JSON body decoded as `kind`, or None if it is anything else."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None


def open_http(*, ca_file: Path | None, connect_seconds: float, urls: Iterable[str] = (_ANY,)) -> httpx.AsyncClient:
    """The HTTP client of one command. Raises SettingsInvalid if certificates or the proxies for `urls` are unusable."""
    proxies, tls = proxies_of(os.environ), _tls(ca_file)
    for url in urls:
        check_way(proxies, url if url.startswith("https:") else _ANY)

    def route(url: httpx.URL) -> str | None:
        return None if url.scheme == "http" else proxies.of(url)  # http is loopback only: a proxy would see the token

    # No kept connections: the server may close one just as a request is sent.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(
        transport=Routed(route, verify=tls, to_proxies=tls, limits=limits),
        trust_env=False,
        follow_redirects=False,  # a redirect would send the token to another server
        timeout=httpx.Timeout(None, connect=connect_seconds),
        event_hooks={"response": [_keep_location]},
        headers={"User-Agent": f"krt/{krt.__version__}", "Accept-Encoding": "identity"},
    )


async def exchange(
    http: httpx.AsyncClient, request: httpx.Request, *, seconds: float, most_bytes: int = LONGEST_ANSWER_BYTES
) -> Answer | NotYet:
    """Send one request and read its answer. Returns NotYet if no whole answer comes within `seconds`."""
    try:
        with trio.fail_after(seconds):
            response = await http.send(request, stream=True)
            try:
                body, _ = await bounded_body(response, most_bytes)
                return _answer(response, body)
            finally:
                await response.aclose()
    except trio.TooSlowError:
        return NotYet(f"{request.url.host} did not answer within {seconds:g} s")
    except UnicodeError:  # raised by the resolver for a proxy's name; address.parse refuses such server names
        return NotYet(f"cannot look up {request.url.host} or the proxy on the way there")
    except httpx.TransportError as error:
        return NotYet(_problem(error, request.url.host), causes=_causes(error))


async def _keep_location(response: httpx.Response) -> None:
    """Remove the Location header: httpx parses it even if redirects are off, and raises on a malformed one."""
    response.extensions["location"] = response.headers.pop("Location", "")


def _answer(response: httpx.Response, body: bytes) -> Answer:
    wait_seconds = retry_after_seconds(response.headers.get("Retry-After", ""), datetime.now(UTC))
    named = (response.headers.get(name, "") for name in ("ETag", "Date", "X-Request-Id", "Server"))
    return Answer(str(response.url), response.status_code, response.extensions["location"], wait_seconds, body, *named)


def retry_after_seconds(value: str, now: datetime) -> float:
    """The seconds of a Retry-After header, which is a number or a date (RFC 9110, section 10.2.3); 0 if unreadable.

    At most _MOST_WAIT_SECONDS, so that a job tries more than once within the default time limit.
    """
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _MOST_WAIT_SECONDS)
    try:
        wait_seconds = (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds()
        return min(max(0.0, wait_seconds), _MOST_WAIT_SECONDS)
    except (ValueError, OverflowError):
        return 0


def _problem(error: httpx.TransportError, host: str) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {host} is not trusted: {cause.verify_message} (see --ca-file)"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError):
        return f"the proxy on the way to {host} does not let this through: {error} (HTTPS_PROXY, NO_PROXY)"
    if isinstance(error, NOT_CONNECTED):
        return f"cannot connect to {host} ({cause_of(error) or type(error).__name__})"
    return f"no whole answer from {host} ({type(error).__name__})"  # the error's text may quote the server


def _causes(error: httpx.TransportError) -> str:
    """Possible causes of an error without a certificate or proxy in it, as the rest of a sentence; empty if unknown."""
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return ": the server there closed the connection, or speaks no HTTP; is krt web at this port?"
    if any(sign in cause_of(error) for sign in _NO_TLS):
        return ": the server there speaks no TLS, or closed the connection; is krt web's TLS at this port?"
    return ""


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return adding_context(ca_file)
    except ValueError as error:
        raise SettingsInvalid((str(error),)) from error
