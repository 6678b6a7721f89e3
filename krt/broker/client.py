"""Commands to Valkey, each under a deadline, over a bounded number of connections."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from valkey.exceptions import NoScriptError

from krt.broker.connection import Argument, Connection, Reply
from krt.broker.endpoint import Endpoint
from krt.broker.failures import translated
from krt.broker.pool import Pool
from krt.broker.script import Script

MOST_CALLS_AT_ONCE = 8
MOST_BLOCKING_READS = 4


class Client:
    """Every call raises BrokerRefused if Valkey answers with an error: then nothing was done.

    It raises BrokerUnavailable if Valkey does not answer in time or at all: then, as after a cancellation, it
    may have been done. Nothing is tried twice here: only the caller knows what may be done twice.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._calls = Pool(endpoint, MOST_CALLS_AT_ONCE)
        self._blocking_reads = Pool(endpoint, MOST_BLOCKING_READS)  # of their own: they never hold up a call

    async def call(self, *command: Argument) -> Reply:
        """One command and its reply, `endpoint.call_seconds` long at most.

        Where it has to wait for its turn or to connect first: max(connect_seconds, call_seconds) in all.
        """
        async with self._exchange(self._calls, command) as connection:
            return await connection.execute(*command)

    async def blocking(self, *command: Argument, block_seconds: float) -> Reply:
        """A command that waits at Valkey (XREADGROUP … BLOCK), for `block_seconds` as it says itself."""
        async with self._exchange(self._blocking_reads, command, block_seconds) as connection:
            return await connection.execute(*command)

    async def eval_script(self, script: Script, keys: Sequence[Argument], arguments: Sequence[Argument]) -> Reply:
        """Run `script` by its digest, and by its text where Valkey does not know it: after a restart, say."""
        rest = (len(keys), *keys, *arguments)
        async with self._exchange(self._calls, ("EVALSHA",)) as connection:
            try:
                return await connection.execute("EVALSHA", script.sha, *rest)
            except NoScriptError:
                return await connection.execute("EVAL", script.text, *rest)

    def close(self) -> None:
        self._calls.close()
        self._blocking_reads.close()

    @asynccontextmanager
    async def _exchange(
        self, pool: Pool, command: Sequence[Argument], block_seconds: float = 0
    ) -> AsyncIterator[Connection]:
        call_seconds = self.endpoint.call_seconds + block_seconds
        with (
            translated(self.endpoint, *command),
            trio.fail_after(max(self.endpoint.connect_seconds, call_seconds)),
        ):
            async with pool.borrowed() as connection:
                with trio.fail_after(call_seconds):
                    yield connection


@asynccontextmanager
async def open_client(endpoint: Endpoint) -> AsyncIterator[Client]:
    """A client until the end of the block. It connects when it is called: Valkey may still be absent."""
    client = Client(endpoint)
    try:
        yield client
    finally:
        client.close()
