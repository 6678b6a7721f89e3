"""A bounded set of connections, each lent to one task at a time and kept only while it is at rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from valkey.exceptions import ConnectionError as ConnectionLost
from valkey.exceptions import InvalidResponse, ResponseError

from krt.broker.connect import connect
from krt.broker.connection import Connection, code_of
from krt.broker.endpoint import Endpoint

# Shorter than what firewalls and balancers forget an idle connection after, without a word to either end.
IDLE_SECONDS = 60.0

# The answers of a former primary: after a failover only new connections lead to the present one.
_DEMOTED = {"READONLY", "UNBLOCKED"}


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: Connection
    since: float


class Pool:
    """At most `size` connections, made when wanted. While all are lent, a task waits for its turn."""

    def __init__(self, endpoint: Endpoint, size: int, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._endpoint = endpoint
        self._turns = trio.Semaphore(size)
        self._idle: list[_Idle] = []
        self._idle_seconds = idle_seconds
        self._closed = False

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Connection]:
        """A connection for one exchange or a few; it comes back unless one of them was interrupted."""
        async with self._turns:
            connection = self._kept() or await connect(self._endpoint)
            try:
                yield connection
            except (ConnectionLost, InvalidResponse, trio.TooSlowError):
                self.drop_idle()
                raise
            except ResponseError as error:
                if code_of(error) in _DEMOTED:
                    connection.close()
                    self.drop_idle()
                raise
            finally:
                self._take_back(connection)

    def drop_idle(self) -> None:
        """Close what is not lent: when one connection broke, the others to that server have, too."""
        while self._idle:
            self._idle.pop().connection.close()

    def close(self) -> None:
        """Close what is not lent, and what is lent when it comes back."""
        self._closed = True
        self.drop_idle()

    def _kept(self) -> Connection | None:
        """The connection used last that is still good; those that are not are closed on the way."""
        while self._idle:
            idle = self._idle.pop()
            if trio.current_time() - idle.since < self._idle_seconds and idle.connection.is_reusable():
                return idle.connection
            idle.connection.close()
        return None

    def _take_back(self, connection: Connection) -> None:
        if self._closed or not connection.is_reusable():
            connection.close()
        else:
            self._idle.append(_Idle(connection, trio.current_time()))
