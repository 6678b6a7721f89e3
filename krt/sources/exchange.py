"""One HTTP exchange with a registry or its token service, within bounds. Errors are those of a source."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import trio

from krt.http import bounded_body, cause_of
from krt.sources.errors import SourceRefused, SourceUnavailable, SourceUntrusted
from krt.sources.way import watched

SECONDS = 120.0  # for one call with its body
MOST_REFUSAL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RegistryAnswer:
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
) -> RegistryAnswer:
    """One request and its answer, without redirects. Raises SourceRefused and SourceUnavailable."""
    request = http.build_request(method, url, headers=headers, content=content, extensions={"trace": watched})
    try:
        with trio.fail_after(SECONDS):
            response = await http.send(request, stream=True)
            most = most_bytes if response.is_success else MOST_REFUSAL_BYTES
            try:
                body, is_whole = await bounded_body(response, most)
            finally:
                await response.aclose()
    except trio.TooSlowError:
        raise SourceUnavailable(f"{url.host} did not answer within {SECONDS:g} s") from None
    except UnicodeError:
        raise SourceRefused(f"{url.host} is no name of a host") from None
    except httpx.TransportError as error:
        raise _unreachable(error, url) from None
    if response.is_success and not is_whole:
        raise SourceRefused(f"{url.host} sends more than the {most_bytes} bytes that were asked for")
    return RegistryAnswer(response.status_code, response.headers, response.extensions["location"], body, url)


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
