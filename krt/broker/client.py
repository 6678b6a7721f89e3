"""Commands to Valkey, each under a deadline, over a bounded number of connections."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio
from valkey.exceptions import NoScriptError

from krt.broker.connection import Argument, Reply, ValkeyConnection
from krt.broker.endpoint import Endpoint
from krt.broker.failures import FAILURES, translation
from krt.broker.pool import Pool
from krt.broker.script import Script

MOST_CALLS_AT_ONCE = 8

Exchange = Callable[[ValkeyConnection], Awaitable[Reply]]


class Client:
    """Every call raises BrokerRefused if Valkey answers with an error: then nothing was done.

    It raises BrokerUnavailable if Valkey does not answer in time or at all: then, as after a cancellation, it
    may have been done. Nothing is tried twice here: only the caller knows what may be done twice.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._calls = Pool(endpoint, MOST_CALLS_AT_ONCE)

    async def call(self, *command: Argument) -> Reply:
        """One command and its reply, `endpoint.call_seconds` long at most.

        Where it has to wait for its turn or to connect first: max(connect_seconds, call_seconds) in all.
        """
        return await self._call(command, lambda connection: connection.execute(*command))

    async def eval_script(self, script: Script, keys: Sequence[Argument], arguments: Sequence[Argument]) -> Reply:
        """As `call`. The script goes as its digest, and as text where Valkey does not know it (yet)."""
        rest = (len(keys), *keys, *arguments)

        async def evaluate(connection: ValkeyConnection) -> Reply:
            try:
                return await connection.execute("EVALSHA", script.sha, *rest)
            except NoScriptError:
                return await connection.execute("EVAL", script.text, *rest)

        return await self._call(["EVALSHA"], evaluate)

    def close(self) -> None:
        self._calls.close()

    async def _call(self, command: Sequence[Argument], exchange: Exchange) -> Reply:
        call_seconds = self.endpoint.call_seconds
        try:
            with trio.fail_after(max(call_seconds, self.endpoint.connect_seconds)) as scope:

                async def in_time(connection: ValkeyConnection) -> Reply:
                    scope.deadline = min(scope.deadline, trio.current_time() + call_seconds)
                    return await exchange(connection)

                return await self._calls.lend(in_time)
        except FAILURES as error:
            if isinstance(error, trio.TooSlowError):
                self._calls.drop_idle()  # those to a Valkey that hangs, too
            raise translation(self.endpoint, command, error) from error


@asynccontextmanager
async def open_client(endpoint: Endpoint) -> AsyncIterator[Client]:
    """A client until the end of the block. It connects when it is called: Valkey may still be absent."""
    client = Client(endpoint)
    try:
        yield client
    finally:
        client.close()
