"""Ends TLS in front of a plain server on this machine, so that the server looks like an API server with TLS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def tls_front(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Accept TLS connections with `context` and pass them on to `port`. Yields the port of the front."""

    async def serve(outer: trio.SSLStream) -> None:
        try:
            await outer.do_handshake()
            await _pass_on(outer, port)
        except trio.BrokenResourceError:
            pass  # the handshake failed, or one side hung up

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", https_compatible=True)
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield listeners[0].transport_listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def _pass_on(outer: trio.abc.Stream, port: int) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as inner, trio.open_nursery() as nursery:
        nursery.start_soon(_copy, outer, inner, nursery.cancel_scope)
        nursery.start_soon(_copy, inner, outer, nursery.cancel_scope)


async def _copy(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream, both: trio.CancelScope) -> None:
    try:
        async for chunk in source:
            await sink.send_all(chunk)
    finally:
        both.cancel()
