"""Closes a connection whose TLS handshake was interrupted.

httpcore 1.0.9 leaves its socket to the garbage collector: its backend for Trio closes it after an Exception, and
Cancelled is not one. Until then the server keeps a connection on which nobody will ever speak.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import trio


class ClosingBackend(httpcore.TrioBackend):
    """httpcore's backend for Trio, whose streams close themselves if a handshake is cancelled."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; the method that httpcore calls."""
        return _ClosingStream(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class _ClosingStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self.read = inner.read  # type: ignore[method-assign]
        self.write = inner.write  # type: ignore[method-assign]
        self.aclose = inner.aclose  # type: ignore[method-assign]
        self.get_extra_info = inner.get_extra_info  # type: ignore[method-assign]

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from here on; the method that httpcore calls. In a proxy's tunnel it is called twice."""
        try:
            return _ClosingStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            with trio.CancelScope(shield=True):  # a plain socket closes without waiting
                await self._inner.aclose()
            raise
