"""Fetches the issuer's keys over HTTP once, within a bound on time and size."""

import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import trio

from krt.http import ProxyOf, Routed, bounded_body
from krt.oidc.keyset import MOST_BYTES, KeySet, KeySetInvalid, parse_key_set
from krt.proxies import check_way, proxies_of
from krt.tls import client_context

DEADLINE_SECONDS = 5.0

Fetch = Callable[[], Awaitable[KeySet]]


class FetchFailed(KeySetInvalid):
    """No complete, unencoded answer with status 200 came within the bounds. One without keys is KeySetInvalid."""


def fetcher(url: str, *, proxy: str | None, ca_file: Path | None, deadline_seconds: float = DEADLINE_SECONDS) -> Fetch:
    """A function that fetches the key set at `url` within `deadline_seconds`, and raises KeySetInvalid.

    `proxy` wins over the environment; if it is None, krt.proxies chooses. Only the authorities in `ca_file` are
    trusted; if it is None, those of the system are. Blocks, because it reads `ca_file`. Raises ValueError if the file
    is unusable, and SettingsInvalid if the environment names an unusable proxy.
    """
    context = client_context(ca_file, None, None)
    proxies = proxies_of(os.environ)
    if proxy is None:
        check_way(proxies, url)

    def route(asked: httpx.URL) -> str | None:
        return proxy or proxies.of(asked)

    async def fetch() -> KeySet:
        try:
            with trio.fail_after(deadline_seconds):
                return parse_key_set(await _body(url, route, context, connect_seconds=deadline_seconds / 2))
        except (trio.TooSlowError, httpx.TimeoutException) as error:
            raise FetchFailed("too_slow") from error
        except httpx.HTTPError as error:
            raise FetchFailed("connection") from error

    return fetch


async def _body(url: str, route: ProxyOf, context: ssl.SSLContext, *, connect_seconds: float) -> bytes:
    async with (
        # A new client for each fetch: at one fetch in ten minutes no connection stays open, and no cookie survives.
        httpx.AsyncClient(
            transport=Routed(route, verify=context, to_proxies=context, limits=httpx.Limits()),
            trust_env=False,  # no netrc, and no certificates besides those of the settings
            follow_redirects=False,  # a redirect could name another issuer
            # The caller's cancel scope bounds the whole fetch, so reads need no timeout of httpx. Connecting does:
            # a cancelled TLS handshake leaves its socket to the garbage collector (httpcore 1.0.9); one that times
            # out does not.
            timeout=httpx.Timeout(None, connect=connect_seconds),
        ) as client,
        client.stream("GET", url, headers={"accept-encoding": "identity"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise FetchFailed("status")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchFailed("encoded")  # 256 KiB of gzip may hold 256 MiB
        body, is_whole = await bounded_body(response, MOST_BYTES)
        if not is_whole:
            raise FetchFailed("too_long")
        return body
