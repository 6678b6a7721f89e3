"""Accepts connections, and goes on after the system has had no file descriptor left for them.

krt does not use Trio's `serve_listeners`, which logs a traceback ten times a second while the shortage lasts.
"""

import errno
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from math import inf

import trio

from krt.logs import Log
from krt.serving.address import Address

log = Log("serving")

Handle = Callable[[trio.SocketStream], Awaitable[None]]

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS = 0.1
_CALM_SECONDS = 5.0  # after this long without a failure the shortage is over
_QUIET_SECONDS = 60.0  # between two warnings
_REMEDIES = {
    errno.EMFILE: "raise the limit of open files: LimitNOFILE of systemd, ulimit -n",
    errno.ENFILE: "the whole machine has no file left: raise fs.file-max",
}


@dataclass(slots=True)
class Shortage:
    """The shortage of descriptors or memory that keeps a listener from accepting; `problem` is None without one.

    It is logged when it begins, once a minute while it lasts, and when it ends.
    """

    problem: str | None = field(default=None, init=False)
    _where: str = field(default="", init=False)
    _failures: int = field(default=0, init=False)
    _failed_at: float = field(default=-inf, init=False)
    _said_at: float = field(default=-inf, init=False)

    def failed(self, error: OSError, where: str) -> None:
        """Note that `accept` failed at `where`. The connection stays in the kernel's queue."""
        code, now = error.errno or 0, trio.current_time()
        self._failures, self._failed_at, self._where = self._failures + 1, now, where
        remedy = _REMEDIES.get(code, "the machine has no memory left for sockets")
        self.problem = f"connections: none is accepted at {where} ({os.strerror(code)}): {remedy}"
        if now >= self._said_at + _QUIET_SECONDS:
            self._said_at = now
            log.warning("connections_not_accepted", listen=where, failures=self._failures, problem=self.problem)

    def passed(self) -> None:
        """Note that `accept` did not fail. The shortage ends after _CALM_SECONDS without a failure."""
        if self.problem is not None and trio.current_time() >= self._failed_at + _CALM_SECONDS:
            log.info("connections_accepted", listen=self._where, failures=self._failures)
            self.problem, self._failures, self._said_at = None, 0, -inf


async def accept_all(
    sockets: Iterable[trio.SocketListener], handle: Handle, *, nursery: trio.Nursery, shortage: Shortage
) -> None:
    """Accept connections until cancelled. A task of `nursery` runs `handle` for each, then closes the stream."""
    async with trio.open_nursery() as listening:
        for socket in sockets:
            listening.start_soon(_accept, socket, handle, nursery, shortage)


async def _accept(socket: trio.SocketListener, handle: Handle, nursery: trio.Nursery, shortage: Shortage) -> None:
    while True:
        try:
            with trio.move_on_after(inf if shortage.problem is None else _CALM_SECONDS):
                nursery.start_soon(handle_to_the_end, handle, await socket.accept())
        except trio.ClosedResourceError:
            return  # the listener was closed
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            shortage.failed(error, _where(socket))
            await trio.sleep(_PAUSE_SECONDS)
        else:
            shortage.passed()


def _where(socket: trio.SocketListener) -> str:
    return str(Address(*socket.socket.getsockname()[:2]))


async def handle_to_the_end(handle: Handle, stream: trio.SocketStream) -> None:
    """Run `handle`, then close the stream without waiting for the peer."""
    try:
        await handle(stream)
    finally:
        await trio.aclose_forcefully(stream)
