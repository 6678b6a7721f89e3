"""The TCP proxy does to a connection what the test says, and nothing else."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
import trio

from tests.fakes.proxy import Proxy, open_proxy


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that answers what it is told."""
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), _echo, 0)
        async with open_proxy("127.0.0.1", listener.socket.getsockname()[1]) as opened:
            yield opened
        nursery.cancel_scope.cancel()


async def _echo(stream: trio.SocketStream) -> None:
    async for chunk in stream:
        await stream.send_all(chunk)


async def _connect(proxy: Proxy) -> trio.SocketStream:
    return await trio.open_tcp_stream(proxy.host, proxy.port)


async def _read_to_end(stream: trio.SocketStream) -> bytes:
    return b"".join([bytes(chunk) async for chunk in stream])


async def test_bytes_pass_both_ways(proxy: Proxy) -> None:
    async with await _connect(proxy) as stream:
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"


async def test_a_connection_ends_after_the_bytes_it_was_given(proxy: Proxy) -> None:
    proxy.cut_after(3)
    async with await _connect(proxy) as stream:
        await stream.send_all(b"hello")
        assert await _read_to_end(stream) == b"hel"


@pytest.mark.parametrize("reset", [False, True])
async def test_open_connections_are_cut_by_an_end_or_a_reset(proxy: Proxy, reset: bool) -> None:
    async with await _connect(proxy) as stream:
        await stream.send_all(b"hello")
        await stream.receive_some()
        proxy.cut(reset=reset)
        if reset:
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        else:
            assert await stream.receive_some() == b""


async def test_nothing_flows_while_stalled(proxy: Proxy) -> None:
    async with await _connect(proxy) as stream:
        proxy.stall()
        await stream.send_all(b"hello")
        with trio.move_on_after(0.05) as scope:
            await stream.receive_some()
        assert scope.cancelled_caught
        proxy.flow()
        assert await stream.receive_some() == b"hello"


async def test_a_delay_is_kept(proxy: Proxy) -> None:
    proxy.delay_seconds = 0.02
    async with await _connect(proxy) as stream:
        began = trio.current_time()
        await stream.send_all(b"hello")
        await stream.receive_some()
        assert trio.current_time() - began >= 0.04  # there and back


async def test_who_is_refused_can_connect_again_later_and_others_stay(proxy: Proxy) -> None:
    async with await _connect(proxy) as stream:
        await proxy.refuse()
        with pytest.raises(OSError, match="connect"):
            await _connect(proxy)
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
    await proxy.listen()
    async with await _connect(proxy) as stream:
        await stream.send_all(b"again")
        assert await stream.receive_some() == b"again"
