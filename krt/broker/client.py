"""Commands to Valkey, each with a deadline, over a bounded number of connections."""

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
    """Sends commands and scripts to one Valkey.

    Every call raises BrokerRefused if Valkey answers with an error: then a command has done nothing, and a script has
    done its steps before the error. It raises BrokerUnavailable if Valkey does not answer, or not in time: then, as
    after a cancellation, the command may have been executed. No command is repeated here, because only the caller knows
    which one may be executed twice.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._calls = Pool(endpoint, MOST_CALLS_AT_ONCE)

    async def call(self, *command: Argument) -> Reply:
        """One command and its reply, within `endpoint.call_seconds`.

        If the call has to wait for a free connection or to open one, the bound is max(connect_seconds, call_seconds).
        """
        return await self._call(command, lambda connection: connection.execute(*command))

    async def eval_script(self, script: Script, keys: Sequence[Argument], arguments: Sequence[Argument]) -> Reply:
        """Run a script, under the deadlines of `call`. Sends its digest, then its text if Valkey does not know it."""
        rest = (len(keys), *keys, *arguments)

        async def evaluate(connection: ValkeyConnection) -> Reply:
            try:
                return await connection.execute("EVALSHA", script.sha, *rest)
            except NoScriptError:
                return await connection.execute("EVAL", script.text, *rest)

        return await self._call(["EVALSHA"], evaluate)

    def close(self) -> None:
        """Close all connections, lent ones when they are returned. Never blocks."""
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
                self._calls.drop_idle()  # if this Valkey hangs, they hang, too
            raise translation(self.endpoint, command, error) from error


@asynccontextmanager
async def open_client(endpoint: Endpoint) -> AsyncIterator[Client]:
    """A client until the end of the block. It connects with its first call, so Valkey need not be there yet."""
    client = Client(endpoint)
    try:
        yield client
    finally:
        client.close()
