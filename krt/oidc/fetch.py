"""One look at the issuer's keys over HTTP: bounded in time and size, whatever answers."""

import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import trio

from krt.http import Route, Routed, bounded_body
from krt.oidc.keyset import MOST_BYTES, KeySet, KeySetInvalid, parse_key_set
from krt.proxies import check_way, proxies_of
from krt.tls import client_context

DEADLINE_SECONDS = 5.0

Fetch = Callable[[], Awaitable[KeySet]]


class FetchFailed(KeySetInvalid):
    """No whole answer of status 200 came, in time and bounds. KeySetInvalid itself: one did, of no keys."""


def fetcher(url: str, *, proxy: str | None, ca_file: Path | None, deadline_seconds: float = DEADLINE_SECONDS) -> Fetch:
    """A function that fetches the key set at `url` within its deadline; it raises KeySetInvalid.

    `proxy` is asked whatever the environment says; None: as krt.proxies has it. Blocking: reads `ca_file`, whose
    authorities are then the only ones trusted. Raises ValueError where that fails, SettingsInvalid where a proxy of the
    environment cannot be used.
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


async def _body(url: str, route: Route, context: ssl.SSLContext, *, connect_seconds: float) -> bytes:
    async with (
        # A client for each look: one in ten minutes keeps no connection alive, and no cookie survives.
        httpx.AsyncClient(
            transport=Routed(route, verify=context, to_proxies=context, limits=httpx.Limits()),
            trust_env=False,  # no netrc and no certificates but those of the settings
            follow_redirects=False,  # a redirect would let whoever answers name another issuer
            # The caller's scope is for all of it, httpx's limits are for each read. But a TLS handshake leaves
            # its socket to the garbage collector when cancelled (httpcore 1.0.9), and not when it times out.
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
