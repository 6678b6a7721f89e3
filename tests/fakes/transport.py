"""An httpx transport on Trio that closes its socket also if it is cancelled in the middle of a TLS handshake.

httpcore 1.0.9 leaves that socket to the garbage collector: its Trio backend closes it on Exception, and Cancelled is
not one. The result is a ResourceWarning in another test. A paused server causes such handshakes.
"""

import ssl
from typing import Any

import httpcore
import httpx
import trio


def closing_transport(context: ssl.SSLContext, **options: Any) -> httpx.AsyncHTTPTransport:
    """The transport. `options` are those of httpx.AsyncHTTPTransport."""
    transport = httpx.AsyncHTTPTransport(verify=context, **options)
    transport._pool._network_backend = _Backend()
    return transport


class _Backend(httpcore.TrioBackend):
    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*args, **options))


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self.read = inner.read  # type: ignore[method-assign]
        self.write = inner.write  # type: ignore[method-assign]
        self.aclose = inner.aclose  # type: ignore[method-assign]
        self.get_extra_info = inner.get_extra_info  # type: ignore[method-assign]

    async def start_tls(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(*args, **options)
        except BaseException:
            with trio.CancelScope(shield=True):  # a plain socket closes without waiting
                await self._inner.aclose()
            raise
