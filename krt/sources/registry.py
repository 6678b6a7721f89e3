"""The HTTP calls to one registry: authentication, redirects, bounds, and which URLs may be called at all.

Ours and not oras or python-dxf: both are synchronous, and oras does not verify the digests of blobs.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import trio

from krt.proxies import Proxies
from krt.sources.challenge import Challenge, parse_challenge
from krt.sources.docker_config import RegistryLogin
from krt.sources.errors import SourceDenied, SourceRefused, SourceUnavailable
from krt.sources.exchange import MOST_REFUSAL_BYTES, SourceAnswer, check_busy, client_for, exchange, same_origin
from krt.sources.redirects import follow, location_of
from krt.sources.reference import RegistryReference, is_link_local, is_loopback
from krt.sources.registry_tokens import RegistryToken, TokenQuestion, basic, fetch_token
from krt.sources.way import check_url

_MOST_WAIT_SECONDS = 300.0  # the longest Retry-After that krt obeys
MOST_ATTEMPTS = 4
_PAUSE_SECONDS = 1.0


class Registry:
    """Calls about one repository. Open it with `open_registry`.

    Every method raises SourceRefused, SourceDenied and SourceUnavailable.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        reference: RegistryReference,
        login: RegistryLogin | None,
        base: httpx.URL,
        attempts: int,
    ) -> None:
        self._http = http
        self._reference = reference
        self._login = login
        self._base = base
        self._attempts = attempts
        self._authorization: RegistryToken | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        most_bytes: int,
        actions: str = "pull",
        headers: Mapping[str, str] = {},
        content: bytes = b"",
    ) -> SourceAnswer:
        """One call; `path` is below the repository, or a URL that the registry itself gave.

        `actions` is the scope of the token. After 429, 5xx and lost connections, the call is tried
        again until it was made `attempts` times (see `open_registry`), each time after Retry-After or a short pause.
        """
        url = self._base.join(path)
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._attempt(method, url, most_bytes, actions, headers, content)
            except SourceUnavailable as error:
                if attempt == self._attempts or error.retry_after_seconds > _MOST_WAIT_SECONDS:
                    raise
                await trio.sleep(error.retry_after_seconds or _PAUSE_SECONDS * attempt)
        raise AssertionError("the last attempt returns or raises")

    def upload_url(self, opened: SourceAnswer, digest: str) -> str:
        """The URL that takes the blob, out of the answer that opened its upload. Raises SourceRefused."""
        return str(self._location(opened).copy_merge_params({"digest": digest}))

    async def _attempt(
        self, method: str, url: httpx.URL, most_bytes: int, actions: str, headers: Mapping[str, str], content: bytes
    ) -> SourceAnswer:
        answer = await self._follow(method, url, most_bytes, headers, content)
        if answer.status == 401:
            await self._authorize(answer, actions)
            answer = await self._follow(method, url, most_bytes, headers, content)
        return self._judged(answer)

    async def _authorize(self, answer: SourceAnswer, actions: str) -> None:
        challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            raise SourceDenied(f"{self._reference.host} asks for credentials in a way that krt does not know")
        self._authorization = await self._token(challenge, actions)

    async def _token(self, challenge: Challenge, actions: str) -> RegistryToken:
        if challenge.scheme == "basic":
            if self._login is None:
                raise SourceDenied(f"{self._reference.host} asks for a user and a password, and there is none for it")
            return basic(self._login)
        scope = f"repository:{self._reference.path}:{actions}"
        token_asked = TokenQuestion(self._reference.host, challenge, scope, may_be_plain=is_loopback(self._base))
        return await fetch_token(self._http, token_asked, self._login)

    async def _follow(
        self, method: str, url: httpx.URL, most_bytes: int, headers: Mapping[str, str], content: bytes
    ) -> SourceAnswer:
        """The answer after redirects. Only GET and HEAD follow them, and only the registry itself gets the token."""

        async def ask(url: httpx.URL) -> SourceAnswer:
            return await self._exchange(method, url, most_bytes, headers, content)

        if method not in {"GET", "HEAD"}:
            return await ask(url)
        return await follow(url, ask, self._location, self._reference.host)

    def _location(self, answer: SourceAnswer) -> httpx.URL:
        url = location_of(answer, self._reference.host)
        check_url(url, may_be_plain=is_loopback(answer.url))
        return url

    async def _exchange(
        self, method: str, url: httpx.URL, most_bytes: int, headers: Mapping[str, str], content: bytes
    ) -> SourceAnswer:
        check_url(url, may_be_plain=self._base.scheme == "http")
        own = dict(headers)
        if self._authorization and same_origin(url, self._base):
            own["Authorization"] = self._authorization.header.reveal()
        return await exchange(self._http, method, url, most_bytes=most_bytes, headers=own, content=content)

    def _judged(self, answer: SourceAnswer) -> SourceAnswer:
        where, status = self._reference.name, answer.status
        if status in {401, 403}:
            note = "" if self._login else "; there are no credentials for it"
            raise SourceDenied(f"{self._reference.host} does not allow this for {where} (status {status}){note}")
        check_busy(answer, self._reference.host)
        return answer


@asynccontextmanager
async def open_registry(
    reference: RegistryReference,
    login: RegistryLogin | None,
    *,
    verify: ssl.SSLContext,
    proxies: Proxies,
    attempts: int = MOST_ATTEMPTS,
) -> AsyncIterator[Registry]:
    """The registry of a reference. `verify` is the TLS context, also for https:// proxies. Raises SourceRefused.

    Each call is tried up to `attempts` times; a caller that tries again by itself gives 1.
    """
    async with client_for(verify, proxies) as http:
        yield Registry(http, reference, login, await base_of(http, reference), attempts)


async def base_of(http: httpx.AsyncClient, reference: RegistryReference) -> httpx.URL:
    """The URL of the repository: https, and plain http for a registry of this machine that speaks no TLS."""
    if is_link_local(reference.api_host.rsplit(":", 1)[0]):
        raise SourceRefused(f"{reference.host} is a link-local address, which krt never calls")
    secure = httpx.URL(f"https://{reference.api_host}/v2/{reference.path}/")
    if not is_loopback(secure):
        return secure
    plain = secure.copy_with(scheme="http")
    return plain if await _speaks_no_tls(http, secure) else secure


async def _speaks_no_tls(http: httpx.AsyncClient, url: httpx.URL) -> bool:
    try:
        await exchange(http, "GET", url.copy_with(path="/v2/"), most_bytes=MOST_REFUSAL_BYTES)
    except SourceUnavailable as error:
        return "SSL" in str(error)
    except SourceRefused:
        return False
    return False
