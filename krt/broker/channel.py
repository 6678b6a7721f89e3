"""A subscription to one Valkey channel that reconnects for ever.

Valkey keeps no message for a subscriber that is away. So the stream of signals also says when krt has subscribed
(again), and the listener then looks into the journal. If the listener is slow, krt stops reading from the socket:
messages wait at Valkey, which closes the connection if they become too many (client-output-buffer-limit).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from valkey.exceptions import InvalidResponse, ResponseError

from krt.backoff import Backoff
from krt.broker.connect import connect
from krt.broker.connection import ReplyOrError, ValkeyConnection
from krt.broker.endpoint import Endpoint
from krt.broker.failures import translated
from krt.core.ports.channel import ChannelMessage, Signal, Subscribed, TooLarge, Unsubscribed
from krt.errors import BrokerUnavailable

MOST_MESSAGE_BYTES = 64 * 1024
SIGNALS_HELD = 64
PING_SECONDS = 15.0
FIRST_RETRY_SECONDS = 0.1
MOST_RETRY_SECONDS = 10.0


class Subscription:
    """The signals of one channel, for one listener: `async for signal in subscription`.

    Readiness reads `connected` and `problem`. While `connected` is False, `problem` is a sentence, or None before the
    first attempt has failed.
    """

    def __init__(self, endpoint: Endpoint, channel: str, ping_seconds: float, retries: Backoff) -> None:
        self.connected = False
        self.problem: str | None = None
        self._endpoint = endpoint
        self._channel = channel
        self._ping_seconds = ping_seconds
        self._retries = retries
        self._sender, self._receiver = trio.open_memory_channel[Signal](SIGNALS_HELD)

    def __aiter__(self) -> AsyncIterator[Signal]:
        return aiter(self._receiver)

    async def receive(self) -> Signal:
        """The next signal, alone."""
        return await self._receiver.receive()

    async def listen(self) -> None:
        """Subscribe, also whenever the connection was lost, and fill the stream of signals. Never returns."""
        async for _ in self._retries:
            try:
                await self._listen_once()
            except BrokerUnavailable as error:
                await self._say_lost(str(error))

    async def _listen_once(self) -> None:
        connection = await connect(self._endpoint)
        try:
            with translated(self._endpoint, "SUBSCRIBE", self._channel):
                await self._begin(connection)
                await self._hear(connection)
        finally:
            self.connected = False
            connection.close()

    async def _begin(self, connection: ValkeyConnection) -> None:
        with trio.fail_after(self._endpoint.call_seconds):
            await connection.send(["SUBSCRIBE", self._channel])
            _check_subscribed(await connection.receive())
        self.connected = True
        self.problem = None
        await self._sender.send(Subscribed())

    async def _hear(self, connection: ValkeyConnection) -> None:
        good_from = trio.current_time() + MOST_RETRY_SECONDS
        while True:
            await self._take(await self._next_frame(connection))
            if trio.current_time() > good_from:
                self._retries.reset()

    async def _next_frame(self, connection: ValkeyConnection) -> ReplyOrError:
        """The next frame. After `ping_seconds` of silence, send PING to learn whether Valkey is still there."""
        with trio.move_on_after(self._ping_seconds):
            return await connection.receive()
        with translated(self._endpoint, "PING"), trio.fail_after(self._endpoint.call_seconds):
            await connection.send(["PING"])
            return await connection.receive()

    async def _take(self, frame: ReplyOrError) -> None:
        match frame:
            case [b"message", bytes(), bytes() as payload] if len(payload) <= MOST_MESSAGE_BYTES:
                await self._sender.send(ChannelMessage(payload))
            case [b"message", bytes(), bytes() as payload]:
                await self._sender.send(TooLarge(len(payload)))
            case [b"pong", bytes()]:
                pass
            case ResponseError():
                raise frame
            case _:
                raise InvalidResponse("something that was not subscribed to")

    async def _say_lost(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            await self._sender.send(Unsubscribed(problem))


@asynccontextmanager
async def subscribe(
    endpoint: Endpoint, channel: str, *, ping_seconds: float = PING_SECONDS, retries: Backoff | None = None
) -> AsyncIterator[Subscription]:
    """Subscribe to `channel` until the end of the block, on connections of its own.

    Opens a nursery: an exception that the block raises comes out in an ExceptionGroup.
    """
    retries = retries or Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS)
    subscription = Subscription(endpoint, channel, ping_seconds, retries)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subscription.listen)
        yield subscription
        nursery.cancel_scope.cancel()


def _check_subscribed(answer: ReplyOrError) -> None:
    match answer:
        case [b"subscribe", *_]:
            pass
        case ResponseError():
            raise answer
        case _:
            raise InvalidResponse("an unexpected answer to SUBSCRIBE")
