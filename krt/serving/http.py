"""Serves an ASGI app on one listener: binds, accepts, and drains once `stopping` is set."""

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
    """Serve `app` until `stopping` is set. Then accept no more, and return when all requests are answered or cut.

    `task_status.started` gives the bound addresses. Raises BindFailed before that.

    krt answers every request that arrived before `stopping`, even on connections that still wait in the kernel's queue:
    in a burst, or on a slow machine, these are many. A request that is not answered `grace_seconds` after
    `stopping` is cut.

    `scope["state"]` of a request holds `request_id`, which the answer shows as X-Request-Id; `target`, the bytes of the
    request line; `peer`, the client's address (`serving.peers.client_address`); `known`, the gate's result; and
    `refusal`, a DeniedAnswer.

    The app is called once with a lifespan scope. An app without a lifespan must return at once.
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
