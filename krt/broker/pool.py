"""A bounded pool of connections: each is lent to one task at a time, and kept if its exchanges were completed."""

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

# Firewalls and load balancers drop an idle connection later than this, and tell neither end.
IDLE_SECONDS = 60.0

_DEMOTED = "READONLY"  # a former primary's error after a failover; only a new connection can reach the new primary


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: ValkeyConnection
    since: float


class Pool:
    """At most `size` connections, opened when needed. While all are lent, a task waits for its turn."""

    def __init__(self, endpoint: Endpoint, size: int, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._endpoint = endpoint
        self._turns = trio.Semaphore(size)
        self._idle: list[_Idle] = []
        self._idle_seconds = idle_seconds
        self._closed = False

    async def lend(self, use: Callable[[ValkeyConnection], Awaitable[T]]) -> T:
        """The result of `use`, called with a connection. It is kept unless it broke or met a former primary."""
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
        """Close all connections that are not lent: if one connection broke, the others have probably broken, too."""
        while self._idle:
            self._idle.pop().connection.close()

    def close(self) -> None:
        """Close all connections that are not lent now, and the others when they are returned."""
        self._closed = True
        self.drop_idle()

    async def _turn(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()  # otherwise a cancelled task would cost a connection for nothing
        try:
            self._turns.acquire_nowait()  # without a checkpoint, since nobody else waits for a turn
        except trio.WouldBlock:
            await self._turns.acquire()

    def _kept(self) -> ValkeyConnection | None:
        """The kept connection that was used last and is still good, or None. Closes bad ones that come before it."""
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
