"""A bounded set of connections, each lent to one task at a time, and lent again only if it was at rest meanwhile."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import trio
from valkey.exceptions import ConnectionError as ConnectionLost
from valkey.exceptions import InvalidResponse, ResponseError

from krt.broker.connect import connect
from krt.broker.connection import ValkeyConnection, code_of
from krt.broker.endpoint import Endpoint

T = TypeVar("T")

# Shorter than what firewalls and balancers forget an idle connection after, without a word to either end.
IDLE_SECONDS = 60.0

_DEMOTED = "READONLY"  # the answer of a former primary: after a failover only new connections lead to the present one


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: ValkeyConnection
    since: float


class Pool:
    """At most `size` connections, made when wanted. While all are lent, a task waits for its turn."""

    def __init__(self, endpoint: Endpoint, size: int, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._endpoint = endpoint
        self._turns = trio.Semaphore(size)
        self._idle: list[_Idle] = []
        self._idle_seconds = idle_seconds
        self._closed = False

    async def lend(self, use: Callable[[ValkeyConnection], Awaitable[T]]) -> T:
        """What `use` makes of a connection in one exchange or a few; it is kept unless one was interrupted."""
        await self._turn()
        try:
            connection = self._kept() or await connect(self._endpoint)
            try:
                return await use(connection)
            except (ConnectionLost, InvalidResponse):
                self.drop_idle()
                raise
            except ResponseError as error:
                if code_of(error) == _DEMOTED:
                    connection.close()
                    self.drop_idle()
                raise
            finally:
                self._take_back(connection)
        finally:
            self._turns.release()

    def drop_idle(self) -> None:
        """Close what is not lent: when one connection broke, the others to that server have, too."""
        while self._idle:
            self._idle.pop().connection.close()

    def close(self) -> None:
        """Close what is not lent, and what is lent when it comes back."""
        self._closed = True
        self.drop_idle()

    async def _turn(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()  # else a connection would be the price of an exchange not begun
        try:
            self._turns.acquire_nowait()  # nobody waits: no need to let others run first
        except trio.WouldBlock:
            await self._turns.acquire()

    def _kept(self) -> ValkeyConnection | None:
        """The connection used last that is still good; those that are not are closed on the way."""
        while self._idle:
            idle = self._idle.pop()
            if trio.current_time() - idle.since < self._idle_seconds and idle.connection.is_reusable():
                return idle.connection
            idle.connection.close()
        return None

    def _take_back(self, connection: ValkeyConnection) -> None:
        if self._closed:
            connection.close()
        elif not connection.is_closed:
            self._idle.append(_Idle(connection, trio.current_time()))
