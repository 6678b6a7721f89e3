"""Calls to a real Valkey, in good days and in bad ones."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio
import valkey as oracle

from krt.broker.client import MOST_CALLS_AT_ONCE, Client, open_client
from krt.broker.endpoint import Endpoint, parse_endpoint
from krt.broker.pool import Pool
from krt.broker.script import Script
from krt.dev.valkey import EmbeddedValkey, open_valkey
from krt.errors import BrokerRefused, BrokerUnavailable
from tests.fakes.pace import slack
from tests.fakes.peers import open_peer, saying
from tests.fakes.polling import until_on_trio_clock

GROUP_READ = ("XREADGROUP", "GROUP", "g", "me", "BLOCK", 0, "STREAMS", "stream", ">")


async def connections_at(client: Client) -> int:
    listed = await client.call("CLIENT", "LIST")
    return listed.count(b"fd=")


async def until_alone(client: Client) -> None:
    async def alone() -> bool:
        return await connections_at(client) == 1

    await until_on_trio_clock(alone)


async def test_what_a_call_writes_another_client_reads(valkey, client):
    await client.call("SET", "key", b"\x00\xff\r\n")
    await client.call("XADD", "stream", "1-1", "field", 1.5)
    with oracle.from_url(valkey.address) as other:
        assert await trio.to_thread.run_sync(other.get, "key") == b"\x00\xff\r\n"
        assert await trio.to_thread.run_sync(other.xrange, "stream") == [(b"1-1", {b"field": b"1.5"})]


async def test_what_another_client_writes_a_call_reads(valkey, client):
    with oracle.from_url(valkey.address) as other:
        await trio.to_thread.run_sync(lambda: other.hset("hash", mapping={"a": 1, "b": ""}))
        await trio.to_thread.run_sync(lambda: other.xadd("stream", {"f": "v"}, id="1-1"))
    assert await client.call("HGETALL", "hash") == [b"a", b"1", b"b", b""]
    assert await client.call("XREAD", "STREAMS", "stream", "0") == [[b"stream", [[b"1-1", [b"f", b"v"]]]]]


async def test_an_error_answer_is_a_refusal_with_its_code_and_the_connection_is_kept(client):
    before = await client.call("CLIENT", "ID")
    with pytest.raises(BrokerRefused, match="NOGROUP") as caught:
        await client.call("XREADGROUP", "GROUP", "g", "me", "STREAMS", "stream", ">")
    assert caught.value.code == "NOGROUP"
    assert await client.call("CLIENT", "ID") == before


async def test_what_the_acl_does_not_grant_is_named_with_the_line_that_would():
    users = ["user default on nopass ~{krt}:* +ping +set"]
    async with open_valkey(users=users) as valkey, open_client(parse_endpoint(valkey.address)) as client:
        with pytest.raises(BrokerRefused, match=r"user default .*\(GET\): grant it by ACL SETUSER default \+get"):
            await client.call("GET", "{krt}:key")
        with pytest.raises(BrokerRefused, match=r"grant it by ACL SETUSER default ~\{krt\}:\*"):
            await client.call("SET", "other", "value")


@pytest.mark.parametrize("answer", [b"-MOVED 866 10.0.0.7:6379\r\n", b"-CROSSSLOT Keys in request\r\n"])
async def test_a_cluster_is_refused_with_a_sentence(answer):
    async with open_peer(saying(answer)) as port, open_client(parse_endpoint(f"127.0.0.1:{port}")) as client:
        with pytest.raises(BrokerRefused, match="not a cluster client"):
            await client.call("GET", "key")


async def test_calls_one_after_another_share_a_connection(client):
    assert len({await client.call("CLIENT", "ID") for _ in range(20)}) == 1


async def test_a_call_that_is_cancelled_before_it_begins_costs_no_connection(client):
    before = await client.call("CLIENT", "ID")
    with trio.CancelScope() as over:
        over.cancel()
        await client.call("PING")
    assert await client.call("CLIENT", "ID") == before


async def test_no_more_connections_are_made_than_the_pool_may_have(client):
    async def call(number: int) -> None:
        assert await client.call("ECHO", number) == str(number).encode()

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(call, number)
    assert await connections_at(client) <= MOST_CALLS_AT_ONCE


async def test_a_call_that_gets_no_connection_in_time_is_unavailable(valkey, endpoint):
    impatient = replace(endpoint, connect_seconds=0.1, call_seconds=0.1)
    failures = 0

    async def call() -> None:
        nonlocal failures
        with pytest.raises(BrokerUnavailable, match="in time"):
            await client.call("PING")
        failures += 1

    async with open_client(impatient) as client:
        valkey.pause()
        with trio.fail_after(slack(1)):
            async with trio.open_nursery() as nursery:
                for _ in range(20 * MOST_CALLS_AT_ONCE):
                    nursery.start_soon(call)
    assert failures == 20 * MOST_CALLS_AT_ONCE


async def test_a_silent_server_is_given_up_at_the_deadline_and_its_connection_never_used_again(valkey, endpoint):
    async with open_client(replace(endpoint, call_seconds=0.1)) as client:
        before = await client.call("CLIENT", "ID")
        valkey.pause()
        started = trio.current_time()
        with pytest.raises(BrokerUnavailable, match="did not answer GET in time"):
            await client.call("GET", "key")
        assert 0.09 < trio.current_time() - started < slack(0.5)
        valkey.resume()
        assert await client.call("CLIENT", "ID") != before


async def test_after_a_failure_the_other_idle_connections_are_not_trusted_either(valkey, endpoint):
    async with open_client(replace(endpoint, call_seconds=0.1)) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(client.call, "PING")
        valkey.pause()
        with pytest.raises(BrokerUnavailable):
            await client.call("GET", "key")
        valkey.resume()
        await until_alone(client)


async def test_a_killed_server_is_unavailable_and_once_restarted_the_first_call_works(valkey, client):
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(client.call, "PING")
    await valkey.kill()
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        await client.call("PING")
    await valkey.start()
    for _ in range(6):
        assert await client.call("PING") == b"PONG"


async def test_a_restart_between_two_calls_is_not_noticed(valkey, client):
    await client.call("PING")
    await valkey.stop()
    await valkey.start()
    assert await client.call("PING") == b"PONG"


async def test_connections_that_the_server_closed_while_idle_are_replaced_unnoticed(client):
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(client.call, "PING")
    assert await client.call("CLIENT", "KILL", "TYPE", "normal") == 4
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(client.call, "PING")


@pytest.mark.parametrize(("idle_seconds", "connections"), [(60, 1), (0, 3)])
async def test_a_connection_idle_for_too_long_is_not_trusted(endpoint, idle_seconds, connections):
    pool = Pool(endpoint, 1, idle_seconds=idle_seconds)
    ids = set()
    for _ in range(3):
        ids.add(await pool.lend(lambda connection: connection.execute("CLIENT", "ID")))
    pool.close()
    assert len(ids) == connections


async def test_a_server_killed_during_a_call_makes_it_unavailable_at_once(valkey, client, patient):
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(BrokerUnavailable, match="connection was"):
                await patient.call("BLPOP", "queue", 0)
            nursery.cancel_scope.cancel()

        nursery.start_soon(read)
        await until_blocked(client)
        await valkey.kill()
        await trio.sleep(2)
        raise AssertionError("the read outlived its server")


@pytest.fixture
async def patient(endpoint: Endpoint) -> AsyncIterator[Client]:
    """One that waits a minute for an answer."""
    async with open_client(replace(endpoint, call_seconds=60)) as client:
        yield client


async def until_blocked(client: Client) -> None:
    async def blocked() -> bool:
        return b"blocked_clients:1" in await client.call("INFO", "clients")

    await until_on_trio_clock(blocked)


async def test_a_demoted_primary_is_left_for_whoever_has_its_address_now(client):
    before = await client.call("CLIENT", "ID")
    await client.call("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(BrokerRefused, match="replica"):
        await client.call("SET", "key", "value")
    assert await client.call("CLIENT", "ID") != before


async def test_a_cancelled_read_steals_nothing(client, patient):
    await client.call("XGROUP", "CREATE", "stream", "g", "0", "MKSTREAM")
    for _ in range(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: patient.call(*GROUP_READ))
            await until_blocked(client)
            nursery.cancel_scope.cancel()
        await client.call("PING")  # by now the server has seen the connection's end, too
        await client.call("XADD", "stream", "*", "f", "v")
        assert (await client.call("XPENDING", "stream", "g"))[0] == 0
        await client.call("XTRIM", "stream", "MAXLEN", 0)


@pytest.mark.parametrize("seed", range(3))
async def test_replies_never_shift_however_calls_are_cut(client, seed):
    chance = random.Random(seed)
    told = 0

    async def call(number: int) -> None:
        nonlocal told
        with trio.move_on_after(chance.choice([0, 0.0001, 0.0005, 0.002, 10])):
            for step in range(5):
                text = f"{number}.{step}".encode()
                if chance.random() < 0.2:
                    with pytest.raises(BrokerRefused, match=f"no-{number}-{step}"):
                        await client.eval_script(REFUSE, [], [f"no-{number}-{step}"])
                else:
                    assert await client.call("ECHO", text) == text
                told += 1

    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(call, number)
            if chance.random() < 0.3:
                await trio.sleep(0.0005)
    assert told > 100
    assert await connections_at(client) <= MOST_CALLS_AT_ONCE + 1


async def test_through_any_number_of_crashes_a_call_is_answered_rightly_or_not_at_all(valkey, client):
    outcomes: list[type] = []

    async def call_for_ever() -> None:
        while True:
            number = len(outcomes)
            try:
                assert await client.call("ECHO", number) == str(number).encode()
                outcomes.append(bytes)
            except BrokerUnavailable as error:
                outcomes.append(type(error))
                await trio.sleep(0.001)

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(call_for_ever)
        for _ in range(5):
            await until_on_trio_clock(lambda: outcomes[-50:].count(bytes) == 50)
            await valkey.kill()
            await until_on_trio_clock(lambda: BrokerUnavailable in outcomes[-5:])
            await valkey.start()
        await until_on_trio_clock(lambda: outcomes[-50:].count(bytes) == 50)
        nursery.cancel_scope.cancel()
    assert set(outcomes) == {bytes, BrokerUnavailable}


REFUSE = Script("return server.error_reply('REFUSED ' .. ARGV[1])")
COUNT = Script("return {redis.call('INCRBY', KEYS[1], ARGV[1]), KEYS[2], ARGV[2]}")


async def test_a_script_gets_its_keys_and_arguments(client):
    assert await client.eval_script(COUNT, ["n", "other"], [5, b"\xff"]) == [5, b"other", b"\xff"]


async def test_a_script_runs_once_whether_or_not_valkey_knows_it(client):
    await client.eval_script(COUNT, ["n", "k"], [1, ""])
    await client.eval_script(COUNT, ["n", "k"], [1, ""])
    await client.call("SCRIPT", "FLUSH", "SYNC")
    assert await client.eval_script(COUNT, ["n", "k"], [1, ""]) == [3, b"k", b""]


async def test_a_script_works_after_a_restart(valkey, client):
    await client.eval_script(COUNT, ["n", "k"], [1, ""])
    await valkey.kill()
    await valkey.start()
    assert await client.eval_script(COUNT, ["n", "k"], [1, ""]) == [1, b"k", b""]


async def test_a_script_goes_over_the_wire_as_a_digest_once_it_is_known(client):
    await client.eval_script(COUNT, ["n", "k"], [1, ""])
    assert await client.call("SCRIPT", "EXISTS", COUNT.sha) == [1]
    await client.call("CONFIG", "RESETSTAT")
    await client.eval_script(COUNT, ["n", "k"], [1, ""])
    assert b"cmdstat_eval:" not in await client.call("INFO", "commandstats")


async def test_an_answer_larger_than_the_limit_makes_the_call_unavailable_and_the_next_one_works(client):
    await client.call("SETRANGE", "large", 3_000_000, "x")
    with pytest.raises(BrokerUnavailable, match="more than"):
        await client.call("GET", "large")
    assert await client.call("PING") == b"PONG"


async def test_a_connection_in_use_at_the_end_of_its_client_is_closed_after_its_reply(endpoint, client):
    async with trio.open_nursery() as nursery:
        async with open_client(replace(endpoint, call_seconds=60)) as other:
            nursery.start_soon(lambda: other.call("BLPOP", "queue", 5))
            await until_blocked(client)
        assert await connections_at(client) == 2
        await client.call("RPUSH", "queue", "item")
    await until_alone(client)


async def test_after_its_end_a_client_leaves_no_connection_behind(valkey: EmbeddedValkey, endpoint, client):
    async with open_client(endpoint) as other:
        await other.call("PING")
        assert await connections_at(client) == 2
    await until_alone(client)
