"""Serves an ASGI app on one listener: binds, accepts, and drains when `stopping` is set."""

from collections.abc import Iterable
from functools import partial

import trio

from krt.logs import Log
from krt.serving.accepting import accept_all, handle_to_the_end
from krt.serving.address import Address
from krt.serving.asgi import App
from krt.serving.connection import handle_connection
from krt.serving.lifespan import lifespan
from krt.serving.listener import Listener
from krt.serving.service import make_service
from krt.serving.sockets import bound_addresses, open_listeners, waiting_connections

__all__ = ["Listener", "serve"]

log = Log("serving")


async def serve(
    app: App,
    listener: Listener,
    *,
    stopping: trio.Event,
    task_status: trio.TaskStatus[tuple[Address, ...]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves `app` until `stopping` is set, then accepts no more and returns when all requests are answered.

    Starts with the bound addresses; raises BindFailed before that. What has come before `stopping` is answered, also
    what still waits in the kernel's queue: on a slow machine, or in a burst, that is much. What is not answered
    `grace_seconds` after `stopping` is cut. Every request has `scope["state"]["request_id"]`, shown in its answer as
    X-Request-Id, `["target"]`, the bytes of its request line, and `["peer"]`, the address that called as far as the
    proxies in front can be believed.
    The app is called with a lifespan scope once: one that has no lifespan must return.
    """
    sockets = await open_listeners(listener.address)
    try:
        async with lifespan(app) as state, trio.open_nursery() as connections_nursery:
            service = make_service(app, listener, state)
            async with trio.open_nursery() as accepting:
                handle = partial(handle_connection, service)
                accepting.start_soon(
                    partial(accept_all, sockets, handle, nursery=connections_nursery, shortage=listener.shortage)
                )
                task_status.started(bound_addresses(sockets))
                await stopping.wait()
                for stream in waiting_connections(sockets):
                    connections_nursery.start_soon(handle_to_the_end, handle, stream)
                accepting.cancel_scope.cancel()
                _close(sockets)
            service.connections.drain()
            connections_nursery.cancel_scope.deadline = trio.current_time() + listener.grace_seconds
        if connections_nursery.cancel_scope.cancelled_caught:
            log.warning("requests_cut", grace_seconds=listener.grace_seconds)
    finally:
        _close(sockets)


def _close(sockets: Iterable[trio.SocketListener]) -> None:
    for bound in sockets:
        bound.socket.close()
