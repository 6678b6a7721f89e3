"""A `.tgz` behind a URL as the content of a Bundle. Its name is the digest of its bytes."""

from http.client import responses

import httpx
import trio

from krt.core.bundle.pack import digest_of
from krt.core.bundle.tree import MOST_BYTES, BundleInvalid, FileTree
from krt.core.rukpak.source import HttpSource
from krt.secret import Secret
from krt.sources.access import SourceAccess
from krt.sources.basic_auth import basic_authorization
from krt.sources.cache import BundleCache
from krt.sources.errors import SourceDenied, SourceRefused, SourceUnavailable
from krt.sources.exchange import SourceAnswer, client_for, exchange, retry_after, same_origin
from krt.sources.fetched import FetchedBundle
from krt.sources.layers import tree_of
from krt.sources.redirects import follow, location_of
from krt.sources.way import Way, check_url

HEAD_SECONDS = 10.0  # RukPak's (operator-framework/rukpak v0.12, internal/source/http.go)
_MOST_URL = 2048


async def fetch_archive(
    source: HttpSource, pinned: str, access: SourceAccess, way: Way, cache: BundleCache
) -> FetchedBundle:
    """The archive's files. `pinned` is `sha256:…`, or a `content_url`; "" takes the present archive.

    Raises SourceRefused, SourceDenied and SourceUnavailable.
    """
    url = _parsed(source.url)
    wanted = pinned.rpartition("#")[2]
    if wanted and (found := cache.get(_named(url, wanted))):
        return found
    try:
        async with way.turn():
            digest, files = await _asked(source, url, access, way)
    except BundleInvalid as error:
        raise SourceRefused(f"{_bare(url)}: {error}") from None
    if wanted and digest != wanted:
        raise SourceRefused(f"{_bare(url)} no longer has the content that was unpacked, {wanted}")
    return FetchedBundle(digest, _named(url, digest), files)


async def _asked(source: HttpSource, url: httpx.URL, access: SourceAccess, way: Way) -> tuple[str, FileTree]:
    """The digest of the archive that is there now, and its files."""
    data = await access.secret(source.secret) if source.secret else {}
    authorization = basic_authorization(source.secret, data) if source.secret else None
    async with client_for(way.verify, way.proxies, insecure=source.insecure_skip_verify) as http:
        body = await _body(http, url, authorization)
    return digest_of(body), (await trio.to_thread.run_sync(tree_of, [body])).of_bundle()


def _parsed(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise SourceRefused("bundle.spec.source.http.url is not a URL") from None
    if not url.host or len(text) > _MOST_URL:
        raise SourceRefused("bundle.spec.source.http.url is not a URL")
    if url.userinfo:
        raise SourceRefused(f"the URL of {url.host} has a user or a password in it: they belong in a Secret")
    check_url(url, may_be_plain=True)
    return url


async def _body(http: httpx.AsyncClient, start: httpx.URL, authorization: Secret | None) -> bytes:
    """The body to which the URL leads. Only the server of the first URL gets the login."""

    async def ask(url: httpx.URL) -> SourceAnswer:
        own = authorization if same_origin(url, start) else None
        headers = {"Authorization": own.reveal()} if own else {}
        return await exchange(http, "GET", url, most_bytes=MOST_BYTES, headers=headers, head_seconds=HEAD_SECONDS)

    return _judged(await follow(start, ask, _location, start.host), start)


def _location(answer: SourceAnswer) -> httpx.URL:
    url = location_of(answer, answer.url.host)
    check_url(url, may_be_plain=True)
    if url.scheme != answer.url.scheme or url.userinfo:
        raise SourceRefused(f"{answer.url.host} redirects to another scheme, or to a URL with a password in it")
    return url


def _judged(answer: SourceAnswer, start: httpx.URL) -> bytes:
    if answer.status == 200:
        return answer.body
    status = f"{answer.status} {responses.get(answer.status, '')}".strip()
    said = f'{_bare(start)}: unexpected status "{status}"'
    if answer.status in {401, 403}:
        raise SourceDenied(said)
    if answer.status == 429 or answer.status >= 500:
        raise SourceUnavailable(said, retry_after_seconds=retry_after(answer))
    raise SourceRefused(said)


def _bare(url: httpx.URL) -> str:
    """The URL without its fragment, and without its query, which may hold a signature."""
    return str(url.copy_with(query=None, fragment=None))


def _named(url: httpx.URL, digest: str) -> str:
    return f"{_bare(url)}#{digest}"
