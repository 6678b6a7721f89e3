"""One HTTP exchange with the server of a source, within bounds. Errors are those of a source."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import trio

import krt
from krt.http import Routed, bounded_body, cause_of
from krt.proxies import Proxies
from krt.sources.errors import SourceRefused, SourceUnavailable, SourceUntrusted
from krt.sources.way import watched

SECONDS = 120.0  # for one call with its body
MOST_REFUSAL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """An answer with its whole body, which was within its bound."""

    status: int
    headers: httpx.Headers
    location: str
    body: bytes = field(repr=False)
    url: httpx.URL


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: httpx.URL,
    *,
    most_bytes: int,
    headers: Mapping[str, str] = {},
    content: bytes = b"",
    head_seconds: float = SECONDS,
) -> SourceAnswer:
    """One request and its answer, without redirects. Raises SourceRefused and SourceUnavailable.

    SourceUnavailable is also raised if the answer has not begun after `head_seconds`.
    """
    request = http.build_request(method, url, headers=headers, content=content, extensions={"trace": watched})
    try:
        with trio.fail_after(SECONDS):
            response = await _begun(http, request, head_seconds)
            most = most_bytes if response.is_success else MOST_REFUSAL_BYTES
            try:
                body, is_whole = await bounded_body(response, most)
            finally:
                await response.aclose()
    except trio.TooSlowError:
        raise SourceUnavailable(f"{url.host} did not answer within {SECONDS:g} s") from None
    except UnicodeError:
        raise SourceRefused(f"{url.host} is not the name of a host") from None
    except httpx.TransportError as error:
        raise _unreachable(error, url) from None
    if response.is_success and not is_whole:
        raise SourceRefused(f"{url.host} sends more than the {most_bytes} bytes that were asked for")
    return SourceAnswer(response.status_code, response.headers, response.extensions["location"], body, url)


async def _begun(http: httpx.AsyncClient, request: httpx.Request, seconds: float) -> httpx.Response:
    with trio.move_on_after(seconds):
        return await http.send(request, stream=True)
    raise SourceUnavailable(f"{request.url.host} did not answer within {seconds:g} s")


def check_busy(answer: SourceAnswer, name: str) -> None:
    """Raises SourceUnavailable for 429 and 5xx, with the server's Retry-After. `name` is the server's."""
    if answer.status == 429 or answer.status >= 500:
        wait = retry_after(answer)
        pause = f", and asks for a pause of {wait:g} s" if wait else ""
        raise SourceUnavailable(f"{name} answers with status {answer.status}{pause}", retry_after_seconds=wait)


def retry_after(answer: SourceAnswer) -> float:
    """The seconds that the server's Retry-After names; 0 if it names none, or a date."""
    wait = answer.headers.get("Retry-After", "")
    return float(wait[:9]) if wait.isascii() and wait.isdigit() else 0.0


def client_for(verify: ssl.SSLContext, proxies: Proxies, *, insecure: bool = False) -> httpx.AsyncClient:
    """The HTTP client for servers of sources. Close it. `insecure`: a server, not a proxy, may have any certificate."""
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=2)
    servers = _unverified() if insecure else verify
    return httpx.AsyncClient(
        transport=Routed(proxies.of, verify=servers, to_proxies=verify, limits=limits),
        trust_env=False,
        follow_redirects=False,  # a redirect would carry the token to another server
        timeout=httpx.Timeout(None, connect=15),
        event_hooks={"response": [keep_location]},
        headers={"User-Agent": f"krt/{krt.__version__}", "Accept-Encoding": "identity"},
    )


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether both URLs lead to one server, so that a login for one may be sent to the other."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _unreachable(error: httpx.TransportError, url: httpx.URL) -> SourceRefused | SourceUnavailable:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SourceUntrusted(f"the certificate of {url.host} is not trusted: {cause.verify_message}")
        cause = cause.__cause__ or cause.__context__
    return SourceUnavailable(f"{url.host} cannot be reached ({cause_of(error) or type(error).__name__})")


async def keep_location(response: httpx.Response) -> None:
    """Remove the header Location: httpx parses it even if redirects are off, and raises on a malformed one."""
    response.extensions["location"] = response.headers.pop("Location", "")
