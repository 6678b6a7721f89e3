"""The connections to the API server. After certificates were renewed, requests go out on new connections."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import trio

from krt.cluster.secured import Secured
from krt.http import ProxyOf, Routed


@dataclass(slots=True, eq=False)
class _Generation:
    """The connections of one TLS context, and the number of requests on them whose answers are not closed yet."""

    context: ssl.SSLContext
    transport: Routed
    uses: int = 0


class ApiConnections(httpx.AsyncBaseTransport):
    """Sends each request with the present TLS context of `secured`. Older connections close after their last answer.

    The API server authenticates a connection by the certificate that opened it, even after the certificate has expired.
    """

    def __init__(
        self, secured: Secured, route: ProxyOf, limits: httpx.Limits, *, to_proxies: ssl.SSLContext | None
    ) -> None:
        self._secured = secured
        self._route = route
        self._to_proxies = to_proxies
        self._limits = limits
        self._current = self._made()
        self._earlier: set[_Generation] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the method that httpx calls."""
        generation = await self._now()
        generation.uses += 1
        try:
            response = await generation.transport.handle_async_request(request)
        except BaseException:
            await self._release(generation)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream), "an asynchronous transport of httpx returns no other"
        response.stream = _Counted(response.stream, lambda: self._release(generation))
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for generation in (*self._earlier, self._current):
            await generation.transport.aclose()

    async def _now(self) -> _Generation:
        if self._current.context is not self._secured.context:
            before, self._current = self._current, self._made()
            self._earlier.add(before)
            await self._close_unused(before)
        return self._current

    def _made(self) -> _Generation:
        context, to_proxies = self._secured.context, self._to_proxies
        return _Generation(context, Routed(self._route, verify=context, to_proxies=to_proxies, limits=self._limits))

    async def _release(self, generation: _Generation) -> None:
        generation.uses -= 1
        await self._close_unused(generation)

    async def _close_unused(self, generation: _Generation) -> None:
        if generation.uses == 0 and generation in self._earlier:
            self._earlier.discard(generation)
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await generation.transport.aclose()


class _Counted(httpx.AsyncByteStream):
    """A body that calls `on_end` once, when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, on_end: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._on_end: Callable[[], Awaitable[None]] | None = on_end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        """Close the body."""
        on_end, self._on_end = self._on_end, None
        try:
            await self._stream.aclose()
        finally:
            if on_end:
                await on_end()
