"""Parts that all HTTP clients of krt share: a proxy chosen for each request, and bodies that are read up to a bound."""

import ssl
from collections.abc import Callable
from typing import Self

import httpx
import trio

from krt.handshakes import ClosingBackend

ProxyOf = Callable[[httpx.URL], str | None]  # a request's URL -> its proxy's URL, or None for a direct connection


class Outgoing(httpx.AsyncByteStream):
    """The body of a request. `on_sending` is called when the connection is open and the body is about to be sent.

    An empty body never calls it. The body is an iterator, not a generator as in httpx: if a call stopped halfway,
    somebody would have to close an async generator.
    """

    def __init__(self, content: bytes, on_sending: Callable[[], None] = lambda: None) -> None:
        self._left = [content] if content else []
        self._on_sending = on_sending

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._on_sending()
        return self._left.pop()


class Routed(httpx.AsyncBaseTransport):
    """Sends each request through the proxy that `route` names for the request's URL, or directly if it names none.

    `verify` is the TLS context for servers, `to_proxies` that for https:// proxies; None if `route` names none of them.
    `limits` apply to each proxy separately, and to all direct connections together.
    """

    def __init__(
        self, route: ProxyOf, *, verify: ssl.SSLContext, to_proxies: ssl.SSLContext | None, limits: httpx.Limits
    ) -> None:
        self._route = route
        self._verify = verify
        self._to_proxies = to_proxies
        self._limits = limits
        self._ways: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request. Raises httpx.ProxyError if `route` raises ValueError, and the errors of httpx."""
        if not isinstance(request.stream, Outgoing):
            request.stream = Outgoing(request.content)
        try:
            proxy = self._route(request.url)
        except ValueError as error:
            raise httpx.ProxyError(f"the proxy's setting {error}", request=request) from error
        if proxy not in self._ways:
            self._ways[proxy] = self._way(proxy)
        return await self._ways[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for way in self._ways.values():
            await way.aclose()

    def _way(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        secure = self._to_proxies if proxy and proxy.startswith("https:") else None
        way = httpx.AsyncHTTPTransport(
            verify=self._verify,
            trust_env=False,
            limits=self._limits,
            proxy=httpx.Proxy(proxy, ssl_context=secure) if proxy else None,
        )
        way._pool._network_backend = ClosingBackend()  # noqa: SLF001 - httpx has no parameter for it
        return way


def cause_of(error: BaseException) -> str:
    """The message of the system or of TLS, one for each address of the host; the error's own text if there is none.

    httpx itself says only that connecting failed.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None and isinstance(cause.__cause__, ExceptionGroup):  # Trio: one error for each address
        return ", ".join(dict.fromkeys(str(each) for each in cause.__cause__.exceptions))
    return str(cause or error)


async def bounded_body(response: httpx.Response, most_bytes: int) -> tuple[bytes, bool]:
    """The undecoded body, cut at `most_bytes`, and whether it is complete. After the cut no chunk is read."""
    body = bytearray()
    # A cancellation and not `break`: on Trio, the generators of httpx must be unwound from the inside.
    with trio.CancelScope() as reading:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most_bytes:
                reading.cancel(reason="the body is longer than its bound")
    is_whole = len(body) <= most_bytes
    del body[most_bytes:]  # in place: bodies have up to 64 MiB, and each copy would have as many
    return bytes(body), is_whole
