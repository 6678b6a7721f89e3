"""`python -m tests.bench.relay PORT TARGET_PORT MILLISECONDS`: a server that is so far away, on loopback.

Each piece of bytes is passed on after half of the round trip, in both directions. A process of its own, so that the
programs under measure do not wait for it.
"""

import sys
from functools import partial

import trio

_PIECE = 65536


async def relay(port: int, target: int, seconds: float) -> None:
    """Serve for ever. `seconds` is the round trip."""
    await trio.serve_tcp(partial(_pass_on, target, seconds / 2), port, host="127.0.0.1")


async def _pass_on(target: int, seconds: float, near: trio.SocketStream) -> None:
    far = await trio.open_tcp_stream("127.0.0.1", target)
    async with near, far, trio.open_nursery() as nursery:
        for source, sink in ((near, far), (far, near)):
            send, receive = trio.open_memory_channel[tuple[float, bytes]](1000)
            nursery.start_soon(_read, source, send, seconds, nursery.cancel_scope)
            nursery.start_soon(_write, sink, receive, nursery.cancel_scope)


async def _read(
    source: trio.SocketStream,
    send: trio.MemorySendChannel[tuple[float, bytes]],
    seconds: float,
    scope: trio.CancelScope,
) -> None:
    try:
        while piece := await source.receive_some(_PIECE):
            await send.send((trio.current_time() + seconds, bytes(piece)))
    except trio.BrokenResourceError:
        pass  # the other side hung up
    await trio.sleep(seconds)
    scope.cancel()


async def _write(
    sink: trio.SocketStream, receive: trio.MemoryReceiveChannel[tuple[float, bytes]], scope: trio.CancelScope
) -> None:
    try:
        async for due, piece in receive:
            await trio.sleep_until(due)
            await sink.send_all(piece)
    except trio.BrokenResourceError:
        scope.cancel()


if __name__ == "__main__":
    trio.run(relay, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000)
