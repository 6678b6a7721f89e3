"""Opens listening sockets for every address that an Address resolves to, all on one port."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import trio

from krt.errors import BindFailed
from krt.serving.address import Address

_BACKLOG = 1024  # beyond it, clients repeat their SYN after a second; net.core.somaxconn also bounds the queue
_TRIES = 16
# The errors of a machine that lacks IPv4 or IPv6.
_FAMILY_ABSENT = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})

_Resolved = tuple[int, tuple[str | int | bytes, ...]]


async def open_listeners(address: Address) -> list[trio.SocketListener]:
    """Listen on each address that `address` resolves to. Raises BindFailed, after closing every socket it opened."""
    resolved = await _resolve(address)
    for _ in range(_TRIES):
        try:
            return await _bind_all(address, resolved)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            # With port 0, the port that the kernel chose for one family may be in use in the other: try another port.
            if address.port or error.errno != errno.EADDRINUSE:
                raise BindFailed(str(address), reason) from error
    raise BindFailed(str(address), "no port is free in every address family")


def bound_addresses(listeners: list[trio.SocketListener]) -> tuple[Address, ...]:
    """The addresses of the sockets, with the real number in place of port 0."""
    return tuple(Address(*listener.socket.getsockname()[:2]) for listener in listeners)


def waiting_connections(listeners: list[trio.SocketListener]) -> Iterator[trio.SocketStream]:
    """Accept the connections that wait in the kernel's queues now, without waiting for more.

    At most a full queue of each listener is accepted, and fewer if the process has no file descriptor left.
    """
    for listener in listeners:
        with suppress(OSError), socket.socket(fileno=os.dup(listener.socket.fileno())) as same:
            for _ in range(_BACKLOG + 1):
                taken, _where = same.accept()
                taken.settimeout(0)
                yield trio.SocketStream(trio.socket.from_stdlib_socket(taken))


async def _resolve(address: Address) -> list[_Resolved]:
    try:
        found = await trio.socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise BindFailed(str(address), error.strerror or str(error)) from error
    return list(dict.fromkeys((family, where) for family, _, _, _, where in found))


async def _bind_all(address: Address, resolved: list[_Resolved]) -> list[trio.SocketListener]:
    absent: OSError | None = None
    with ExitStack() as opened:
        listeners: list[trio.SocketListener] = []
        for family, where in resolved:
            port = listeners[0].socket.getsockname()[1] if listeners else address.port
            try:
                bound = await _bind(family, (where[0], port, *where[2:]))
            except OSError as error:
                if error.errno not in _FAMILY_ABSENT:
                    raise
                absent = error
            else:
                listeners.append(trio.SocketListener(opened.enter_context(bound)))
        if absent and not listeners:
            raise absent
        opened.pop_all()
    return listeners


async def _bind(family: int, where: tuple[str | int | bytes, ...]) -> trio.socket.SocketType:
    with ExitStack() as opened:
        bound = opened.enter_context(trio.socket.socket(family, socket.SOCK_STREAM))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own, so IPv4 peers are not shown as ::ffff:a.b.c.d
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await bound.bind(where)
        bound.listen(_BACKLOG)
        opened.pop_all()
    return bound
