"""Listening to a channel of a real Valkey that comes, goes, hangs and is flooded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
import valkey as oracle

from krt.backoff import Backoff
from krt.broker.channel import (
    MOST_MESSAGE_BYTES,
    SIGNALS_HELD,
    ChannelMessage,
    Signal,
    Subscribed,
    Subscription,
    TooLarge,
    Unsubscribed,
    subscribe,
)
from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.dev.valkey import open_valkey
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.peers import Behaviour, open_peer, saying
from tests.fakes.polling import until_on_trio_clock

MESSAGE = b"*3\r\n$7\r\nmessage\r\n$6\r\nevents\r\n$2\r\nhi\r\n"
PONG = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
CONFIRMED = b"*3\r\n$9\r\nsubscribe\r\n$6\r\nevents\r\n:1\r\n"


@asynccontextmanager
async def subscribed(endpoint: Endpoint, **options: float | Backoff) -> AsyncIterator[Subscription]:
    async with subscribe(endpoint, "events", **options) as subscription:
        assert await heard_by(subscription) == Subscribed()
        yield subscription


async def heard_by(subscription: Subscription) -> Signal:
    with trio.fail_after(PATIENCE_SECONDS):
        return await subscription.receive()


async def heard_until_subscribed(subscription: Subscription) -> list[Signal]:
    heard = [await heard_by(subscription)]
    while heard[-1] != Subscribed():
        heard.append(await heard_by(subscription))
    return heard


def at_once(ceilings: list[float] | None = None) -> Backoff:
    """Retries without waiting; `ceilings` gets what they could have waited at most."""

    def no_wait(_: float, ceiling: float) -> float:
        if ceilings is not None:
            ceilings.append(ceiling)
        return 0

    return Backoff(1, 8, between=no_wait)


@asynccontextmanager
async def fake_valkey(behave: Behaviour) -> AsyncIterator[Endpoint]:
    async with open_peer(behave) as port:
        yield replace(parse_endpoint(f"127.0.0.1:{port}"), connect_seconds=0.2, call_seconds=0.05)


async def test_what_another_client_publishes_is_heard_byte_for_byte(valkey, endpoint):
    async with subscribed(endpoint) as subscription:
        with oracle.from_url(valkey.address) as other:
            for payload in (b'{"image":"a"}\n \n', b"", b"\x00\xff"):
                assert await trio.to_thread.run_sync(other.publish, "events", payload) == 1
                assert await heard_by(subscription) == ChannelMessage(payload)


async def test_signals_can_be_iterated_over(client, endpoint):
    async with subscribe(endpoint, "events") as subscription:
        async for signal in subscription:
            if signal == ChannelMessage(b"last"):
                break
            await client.call("PUBLISH", "events", "last")


async def test_other_channels_are_not_heard(client, endpoint):
    async with subscribed(endpoint) as subscription:
        await client.call("PUBLISH", "other", "x")
        await client.call("PUBLISH", "events", "y")
        assert await heard_by(subscription) == ChannelMessage(b"y")


async def test_a_message_right_behind_the_confirmation_is_heard():
    async with fake_valkey(saying(CONFIRMED + MESSAGE)) as endpoint, subscribed(endpoint) as subscription:
        assert await heard_by(subscription) == ChannelMessage(b"hi")


async def test_while_valkey_is_away_it_says_why_and_subscribed_again_when_it_is_back(valkey, endpoint, client):
    async with subscribed(endpoint) as subscription:
        assert subscription.connected
        await valkey.kill()
        lost = await heard_by(subscription)
        assert isinstance(lost, Unsubscribed)
        assert not subscription.connected
        assert subscription.problem == lost.problem
        await valkey.start()
        await heard_until_subscribed(subscription)
        assert (subscription.connected, subscription.problem) == (True, None)
        await client.call("PUBLISH", "events", "x")
        assert await heard_by(subscription) == ChannelMessage(b"x")


async def test_it_subscribes_again_after_any_number_of_losses(client, endpoint):
    async with subscribed(endpoint, retries=at_once()) as subscription:
        for _ in range(5):
            await client.call("CLIENT", "KILL", "TYPE", "pubsub")
            lost, again = await heard_until_subscribed(subscription)
            assert (type(lost), again) == (Unsubscribed, Subscribed())


async def test_absent_from_the_start_it_is_waited_for(endpoint, valkey):
    await valkey.stop()
    async with subscribe(endpoint, "events") as subscription:
        assert not subscription.connected
        assert isinstance(await heard_by(subscription), Unsubscribed)
        await valkey.start()
        await heard_until_subscribed(subscription)


async def test_the_same_reason_is_said_once_and_a_new_one_again():
    answers = [b"-ERR one\r\n", b"-ERR one\r\n", b"-ERR one\r\n", b"-ERR two\r\n", CONFIRMED]

    async def next_answer(stream: trio.SocketStream) -> None:
        await saying(answers.pop(0))(stream)

    async with (
        fake_valkey(next_answer) as endpoint,
        subscribe(endpoint, "events", retries=at_once()) as subscription,
    ):
        first, second, third = await heard_until_subscribed(subscription)
    assert ("ERR one" in first.problem, "ERR two" in second.problem, third) == (True, True, Subscribed())


async def test_a_channel_that_the_acl_does_not_grant_is_named_with_the_line_that_would():
    users = ["user default on nopass resetchannels +subscribe +ping"]
    async with (
        open_valkey(users=users) as valkey,
        subscribe(parse_endpoint(valkey.address), "events") as subscription,
    ):
        lost = await heard_by(subscription)
    assert "does not let user default do this (SUBSCRIBE): grant it by ACL SETUSER default &events" in lost.problem


async def test_a_living_but_idle_valkey_is_pinged_and_stays_connected(client, endpoint):
    async def pinged() -> bool:
        return b"cmdstat_ping" in await client.call("INFO", "commandstats")

    async with subscribed(endpoint, ping_seconds=0.01) as subscription:
        await until_on_trio_clock(pinged)
        await client.call("PUBLISH", "events", "x")
        assert await heard_by(subscription) == ChannelMessage(b"x")


async def test_a_valkey_that_hangs_is_noticed_and_left(valkey, endpoint):
    impatient = replace(endpoint, connect_seconds=0.1, call_seconds=0.05)
    async with subscribed(impatient, ping_seconds=0.05) as subscription:
        valkey.pause()
        lost = await heard_by(subscription)
        assert "did not answer PING in time" in lost.problem
        assert not subscription.connected
        valkey.resume()
        await heard_until_subscribed(subscription)


async def test_a_message_above_the_limit_is_told_by_its_size_and_the_next_is_heard(client, endpoint):
    async with subscribed(endpoint) as subscription:
        await client.call("PUBLISH", "events", b"x" * (MOST_MESSAGE_BYTES + 1))
        await client.call("PUBLISH", "events", b"x" * MOST_MESSAGE_BYTES)
        assert await heard_by(subscription) == TooLarge(MOST_MESSAGE_BYTES + 1)
        assert await heard_by(subscription) == ChannelMessage(b"x" * MOST_MESSAGE_BYTES)


async def test_a_message_above_any_reply_costs_the_connection_and_it_subscribes_again(client, endpoint):
    async with subscribed(endpoint) as subscription:
        await client.call("PUBLISH", "events", b"x" * 3_000_000)
        lost, _ = await heard_until_subscribed(subscription)
        assert "more than" in lost.problem


async def test_a_slow_listener_loses_no_message_and_holds_a_bounded_number(client, endpoint):
    count = 20 * SIGNALS_HELD
    async with subscribed(endpoint) as subscription:
        for number in range(count):
            await client.call("PUBLISH", "events", number)
        await trio.testing.wait_all_tasks_blocked()
        assert subscription._receiver.statistics().current_buffer_used <= SIGNALS_HELD
        for number in range(count):
            assert await heard_by(subscription) == ChannelMessage(str(number).encode())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n",
        MESSAGE,
        b"*0\r\n",
        CONFIRMED + b"+PONG\r\n",
        CONFIRMED + b"*3\r\n$11\r\nunsubscribe\r\n$6\r\nevents\r\n:0\r\n",
        CONFIRMED + b"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$6\r\nevents\r\n$2\r\nhi\r\n",
        CONFIRMED + b"*3\r\n$7\r\nmessage\r\n$6\r\nevents\r\n:1\r\n",
        CONFIRMED + b"-ERR gone\r\n",
        CONFIRMED + b"*100000000000\r\n",
        b"",
    ],
)
async def test_a_peer_that_is_no_valkey_is_lost_and_never_heard(answer):
    async with fake_valkey(saying(answer)) as endpoint, subscribe(endpoint, "events") as subscription:
        signal = await heard_by(subscription)
        if signal == Subscribed():
            signal = await heard_by(subscription)
        assert isinstance(signal, Unsubscribed)


async def test_a_peer_that_hangs_up_after_each_first_message_is_tried_ever_more_slowly():
    async def confirm_and_hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(CONFIRMED + MESSAGE)

    ceilings: list[float] = []
    async with (
        fake_valkey(confirm_and_hang_up) as endpoint,
        subscribe(endpoint, "events", retries=at_once(ceilings)) as subscription,
    ):
        for _ in range(6):
            await heard_until_subscribed(subscription)
    assert ceilings[:5] == [1, 2, 4, 8, 8]


async def test_after_a_subscription_that_stood_for_a_while_it_is_tried_again_as_quickly_as_at_first(
    mock_clock,
):
    mock_clock.rate = 200

    async def hang_up_after_a_ping(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(CONFIRMED)
        await stream.receive_some()
        await stream.send_all(PONG)

    ceilings: list[float] = []
    async with fake_valkey(hang_up_after_a_ping) as impatient:
        endpoint = replace(impatient, connect_seconds=1000, call_seconds=1000)
        async with subscribe(endpoint, "events", ping_seconds=11, retries=at_once(ceilings)) as subscription:
            for _ in range(4):
                await subscription.receive()
                await subscription.receive()
    assert set(ceilings) == {1}


async def test_after_the_block_the_server_has_no_subscriber(client, endpoint):
    async with subscribed(endpoint):
        assert await client.call("PUBLISH", "events", "x") == 1
    assert await client.call("PUBLISH", "events", "x") == 0
