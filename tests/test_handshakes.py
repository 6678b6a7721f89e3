"""A TLS handshake that is given up leaves no socket behind."""

import gc
import ssl
import warnings

import httpx
import trio

from krt.http import Routed


async def _silent(listener: trio.SocketListener, heard: trio.Event) -> None:
    """Accept one connection, read its hello, and answer nothing."""
    async with await listener.accept() as stream:
        await stream.receive_some()
        heard.set()
        await trio.sleep_forever()


async def _ask(port: int) -> None:
    context = ssl.create_default_context()
    way = Routed(lambda _: None, verify=context, to_proxies=context, limits=httpx.Limits())
    async with httpx.AsyncClient(transport=way) as client:
        await client.get(f"https://127.0.0.1:{port}/")


async def test_a_handshake_that_is_cancelled_closes_its_socket() -> None:
    """Seen to fail with httpcore's own backend: the socket was the garbage collector's."""
    gc.collect()  # what an earlier test has left behind is not this one's
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        heard = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_silent, listener, heard)
            nursery.start_soon(_ask, listener.socket.getsockname()[1])
            await heard.wait()
            nursery.cancel_scope.cancel()
        await listener.aclose()
        gc.collect()
    assert [str(each.message) for each in caught if "unclosed <socket" in str(each.message)] == []
