"""What the HTTP clients of krt have in common: the way to a server, and bodies with a bound."""

import ssl
from collections.abc import Callable
from typing import Self

import httpx
import trio

Route = Callable[[httpx.URL], str | None]  # the URL of the proxy on the way there; None: none


class Outgoing(httpx.AsyncByteStream):
    """A request's body; `on_sending` hears when the connection stands and the body is about to leave.

    An iterator and no generator, as httpx's own is: one that a call left in the middle wants to be closed.
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
    """Sends each request by the proxy that `route` names for its URL.

    `verify` is for the servers, `to_proxies` for proxies of https://; `limits` are those of each way.
    """

    def __init__(
        self, route: Route, *, verify: ssl.SSLContext, to_proxies: ssl.SSLContext, limits: httpx.Limits
    ) -> None:
        self._route = route
        self._verify = verify
        self._to_proxies = to_proxies
        self._limits = limits
        self._ways: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. A proxy that cannot be used is a httpx.ProxyError."""
        if not isinstance(request.stream, Outgoing):
            request.stream = Outgoing(request.content)
        try:
            proxy = self._route(request.url)
        except ValueError as error:
            raise httpx.ProxyError(f"the proxy on the way {error}", request=request) from error
        if proxy not in self._ways:
            self._ways[proxy] = self._way(proxy)
        return await self._ways[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for way in self._ways.values():
            await way.aclose()

    def _way(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        secure = self._to_proxies if proxy and proxy.startswith("https:") else None
        return httpx.AsyncHTTPTransport(
            verify=self._verify,
            trust_env=False,
            limits=self._limits,
            proxy=httpx.Proxy(proxy, ssl_context=secure) if proxy else None,
        )


def cause_of(error: BaseException) -> str:
    """What the system or TLS said, of each address of a host; httpx itself says no more than that it cannot connect."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None and isinstance(cause.__cause__, ExceptionGroup):  # Trio's
        return ", ".join(dict.fromkeys(str(each) for each in cause.__cause__.exceptions))
    return str(cause or error)


async def bounded_body(response: httpx.Response, most_bytes: int) -> tuple[bytes, bool]:
    """The body as it came, cut after `most_bytes`, and whether that is all. No chunk is read behind the cut."""
    body = bytearray()
    # Cancelled, not left: on Trio, httpx's generators want to be unwound from the inside.
    with trio.CancelScope() as reading:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most_bytes:
                reading.cancel(reason="the body is longer than its bound")
    return bytes(body[:most_bytes]), len(body) <= most_bytes
