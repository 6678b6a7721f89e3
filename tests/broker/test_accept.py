"""Accepting an event, on a real Valkey: one step, one use of a token (docs/correctness.md, J1 to J3)."""

import json
from dataclasses import replace

import pytest
import trio
import valkey as oracle
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.broker.accept import Acceptor
from krt.broker.client import open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.keys import Keys
from krt.broker.reports import Reports
from krt.core.caller.use import use_of
from krt.core.envelope import to_fields
from krt.core.ports.announcements import Acceptance
from krt.core.report.conclusion import state_of
from krt.core.report.report import EventState
from krt.dev.valkey import open_valkey
from krt.errors import BrokerRefused, BrokerUnavailable, JournalFull, TokenAlreadyUsed
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.peers import open_peer, saying
from tests.fakes.values import an_envelope, an_event, an_identity

KEYS = Keys("krt")
CHANNEL = "kuberollouttrigger"
PATH = "/event"


@pytest.fixture
def acceptor(client):
    return Acceptor(client, KEYS, channel=CHANNEL, most_entries=1000)


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """Goes as the wall's does, and a test jumps over a deadline."""
    mock_clock.rate = 1
    return mock_clock


async def accept(acceptor: Acceptor, *, jti="token-1", tags=("dev",), path=PATH, key=None, **claims) -> Acceptance:
    """One call with the token `jti`; `key` is its Idempotency-Key."""
    identity, event = an_identity(jti=jti, **claims), an_event(tags=tags)
    envelope = replace(an_envelope(event, identity=identity), dry_run=path.endswith("dry-run"))
    return await acceptor.accept(envelope, use_of(identity, path, event, key))


async def entries(client) -> list[tuple[str, dict[str, str]]]:
    """What stands in the journal."""
    found = await client.call("XRANGE", KEYS.journal, "-", "+")
    texts = [(entry.decode(), [part.decode() for part in parts]) for entry, parts in found]
    return [(entry, dict(zip(parts[::2], parts[1::2], strict=True))) for entry, parts in texts]


async def ids(client) -> list[str]:
    return [entry for entry, _ in await entries(client)]


async def heard_during(valkey, body) -> list[bytes]:
    """What a subscriber hears while `body()` runs."""
    with oracle.from_url(valkey.address) as other, other.pubsub() as pubsub:

        async def following() -> object:
            message = await trio.to_thread.run_sync(lambda: pubsub.get_message(timeout=PATIENCE_SECONDS))
            assert message is not None, "nothing was heard"
            return message["data"]

        await trio.to_thread.run_sync(pubsub.subscribe, CHANNEL)
        await following()
        await body()
        await trio.to_thread.run_sync(other.publish, CHANNEL, b"end")
        messages = []
        while (message := await following()) != b"end":
            messages.append(message)
        return messages


async def everything(valkey) -> bytes:
    """Every key and value that Valkey holds."""

    def dump() -> bytes:
        with oracle.from_url(valkey.address) as other:
            return b"".join(key + other.dump(key) for key in other.scan_iter())

    return await trio.to_thread.run_sync(dump)


async def test_an_accepted_event_stands_in_the_journal_under_its_id(client, acceptor):
    accepted = await accept(acceptor)
    fields = to_fields(an_envelope(identity=an_identity(jti="token-1")))
    assert await entries(client) == [(str(accepted.id), fields)]
    assert not accepted.again


async def test_ids_grow(acceptor):
    accepted = [(await accept(acceptor, jti=f"token-{n}")).id for n in range(20)]
    assert accepted == sorted(set(accepted))


async def test_a_subscriber_sees_the_json_and_the_line_that_says_journaled_and_nothing_else(valkey, acceptor):
    heard = await heard_during(valkey, lambda: accept(acceptor, tags=("dev", "v1")))
    assert heard == [b'{"image":"ghcr.io/acme/shop","tags":["dev","v1"]}\n \n']
    assert json.loads(heard[0]) == {"image": "ghcr.io/acme/shop", "tags": ["dev", "v1"]}


async def test_who_hears_it_is_counted(valkey, acceptor):
    assert (await accept(acceptor)).receivers == 0

    async def body() -> None:
        assert (await accept(acceptor, jti="token-2")).receivers == 1

    await heard_during(valkey, body)


async def test_nothing_that_valkey_holds_tells_a_token(valkey, acceptor):
    await accept(acceptor, jti="a-secret-jti", key="a-secret-key", sub="repo:acme/shop:secret-subject")
    assert b"secret" not in await everything(valkey)


async def test_a_dry_run_is_journaled_and_not_published(valkey, client, acceptor):
    async def body() -> None:
        assert (await accept(acceptor, path="/event/dry-run")).receivers == 0

    assert await heard_during(valkey, body) == []
    assert len(await ids(client)) == 1


async def test_the_report_of_an_accepted_event_can_be_read_at_once(client, acceptor):
    accepted = await accept(acceptor)
    found = await Reports(client, KEYS).read(accepted.id)
    assert found is not None
    report, seen = found
    assert state_of(report, seen) is EventState.ACCEPTED


async def test_what_is_remembered_ends_by_valkeys_own_clock(client, acceptor):
    accepted = await accept(acceptor, key="k")
    identity = an_identity(jti="token-1")
    use = use_of(identity, PATH, an_event(), "k")
    assert use.retry is not None
    lives = [await client.call("PTTL", key) for key in (KEYS.token(use.token), KEYS.retry(use.retry))]
    lives.append(await client.call("PTTL", KEYS.report(str(accepted.id))))
    day = 24 * 3600 * 1000
    assert [0 < life <= most for life, most in zip(lives, (1_200_000, day, day), strict=True)] == [True] * 3
    assert lives[0] > 900_000, "longer than any token lives"


async def test_the_same_call_again_is_a_retry_with_the_same_id_and_no_second_message(valkey, client, acceptor):
    first = await accept(acceptor)

    async def body() -> None:
        assert await accept(acceptor) == replace(first, again=True)

    assert await heard_during(valkey, body) == []
    assert await ids(client) == [str(first.id)]


OTHER_USES = {
    "another tag": {"tags": ("v2",)},
    "one tag more": {"tags": ("dev", "v2")},
    "another path": {"path": "/event/dry-run"},
    "another tag, though idempotent": {"tags": ("v2",), "key": "k"},
}


@pytest.mark.parametrize("name", OTHER_USES)
async def test_a_token_that_is_used_for_something_else_is_refused(client, acceptor, name):
    first = await accept(acceptor)
    with pytest.raises(TokenAlreadyUsed):
        await accept(acceptor, **OTHER_USES[name])
    assert await ids(client) == [str(first.id)]


async def test_a_dry_run_does_not_swallow_the_event_that_follows_it(client, acceptor):
    await accept(acceptor, path="/event/dry-run")
    with pytest.raises(TokenAlreadyUsed):
        await accept(acceptor)
    accepted = await accept(acceptor, jti="token-2")
    assert not accepted.again


async def test_an_idempotency_key_makes_a_retry_of_a_call_with_a_fresh_token(client, acceptor):
    first = await accept(acceptor, jti="token-1", key="k")
    again = await accept(acceptor, jti="token-2", key="k")
    assert (again.id, again.again) == (first.id, True)
    assert await ids(client) == [str(first.id)]


async def test_the_fresh_token_of_a_retry_is_spent_on_it(acceptor):
    await accept(acceptor, jti="token-1", key="k")
    await accept(acceptor, jti="token-2", key="k")
    with pytest.raises(TokenAlreadyUsed):
        await accept(acceptor, jti="token-2", tags=("v2",), key="k")


NO_RETRIES = {
    "another key": {"key": "other"},
    "no key": {"key": None},
    "another run": {"key": "k", "run_id": "2"},
    "another attempt": {"key": "k", "run_attempt": "2"},
    "another repository": {"key": "k", "repository_id": "75"},
}


@pytest.mark.parametrize("name", NO_RETRIES)
async def test_what_is_not_the_same_call_of_the_same_run_is_another_event(client, acceptor, name):
    first = await accept(acceptor, jti="token-1", key="k")
    second = await accept(acceptor, jti="token-2", **NO_RETRIES[name])
    assert await ids(client) == [str(first.id), str(second.id)]


async def gathered(calls) -> list[Acceptance]:
    results: list[Acceptance] = []

    async def one(call) -> None:
        results.append(await call())

    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(one, call)
    return results


async def test_fifty_uses_of_one_token_at_once_are_one_entry(client, acceptor):
    accepted = await gathered([lambda: accept(acceptor)] * 50)
    assert await ids(client) == [str(accepted[0].id)]
    assert sorted(one.again for one in accepted) == [False] + [True] * 49
    assert len({one.id for one in accepted}) == 1


async def test_fifty_fresh_tokens_with_one_idempotency_key_at_once_are_one_entry(client, acceptor):
    calls = [lambda n=n: accept(acceptor, jti=f"token-{n}", key="k") for n in range(50)]
    assert len({one.id for one in await gathered(calls)}) == 1
    assert len(await ids(client)) == 1


async def test_fifty_tokens_at_once_are_fifty_entries(client, acceptor):
    accepted = await gathered([lambda n=n: accept(acceptor, jti=f"token-{n}") for n in range(50)])
    assert await ids(client) == [str(one) for one in sorted(one.id for one in accepted)]
    assert len(await ids(client)) == 50


async def test_fifty_events_for_one_token_at_once_are_one_entry(client, acceptor):
    refused = []

    async def one(n: int) -> None:
        try:
            await accept(acceptor, tags=(f"v{n}",))
        except TokenAlreadyUsed:
            refused.append(n)

    async with trio.open_nursery() as nursery:
        for n in range(50):
            nursery.start_soon(one, n)
    assert (len(await ids(client)), len(refused)) == (1, 49)


async def test_the_journal_is_named_once(client, acceptor):
    await accept(acceptor)
    name = await client.call("GET", KEYS.journal_name)
    await accept(acceptor, jti="token-2")
    assert await client.call("GET", KEYS.journal_name) == name
    await client.call("FLUSHALL")
    await accept(acceptor, jti="token-3")
    assert await client.call("GET", KEYS.journal_name) not in (name, None)


async def test_a_full_journal_takes_no_more_but_knows_what_it_took(client):
    acceptor = Acceptor(client, KEYS, channel=CHANNEL, most_entries=3)
    accepted = [await accept(acceptor, jti=f"token-{n}") for n in range(3)]
    with pytest.raises(JournalFull):
        await accept(acceptor, jti="token-3")
    assert await accept(acceptor, jti="token-2") == replace(accepted[2], again=True)
    await client.call("XTRIM", KEYS.journal, "MAXLEN", 2)
    assert not (await accept(acceptor, jti="token-3")).again, "a token is not spent on nothing"


async def test_installations_with_other_keys_do_not_meet(client, acceptor):
    other = Acceptor(client, Keys("staging"), channel=CHANNEL, most_entries=1000)
    await accept(acceptor)
    assert not (await accept(other)).again
    assert len(await ids(client)) == 1


async def test_a_valkey_that_has_forgotten_the_script_is_told_it_again(client, acceptor):
    await accept(acceptor)
    await client.call("SCRIPT", "FLUSH")
    assert not (await accept(acceptor, jti="token-2")).again


async def test_after_a_restart_of_valkey_everything_is_as_before():
    async with open_valkey(durable=True) as server, open_client(parse_endpoint(server.address)) as client:
        acceptor = Acceptor(client, KEYS, channel=CHANNEL, most_entries=1000)
        first = await accept(acceptor)
        name = await client.call("GET", KEYS.journal_name)
        await server.kill()
        with pytest.raises(BrokerUnavailable):
            await accept(acceptor)
        await server.start()
        assert await accept(acceptor) == replace(first, again=True)
        second = await accept(acceptor, jti="token-2")
        assert await client.call("GET", KEYS.journal_name) == name
        assert await ids(client) == [str(first.id), str(second.id)]


NEEDED = "+ping +eval +evalsha +get +set +xlen +xadd +hset +pexpire"
WHO = "user krt on >secret resetkeys ~{krt}:* resetchannels"


async def accepted_as(rules: str, call):
    """What `call(acceptor, client)` returns for a user with these rules; `client` is another user's."""
    async with open_valkey(users=["user default on nopass ~* &* +@all", f"{WHO} {rules}"]) as server:
        own = replace(parse_endpoint(server.address), username="krt", password=parse_password("secret"))
        async with open_client(own) as restricted, open_client(parse_endpoint(server.address)) as client:
            return await call(Acceptor(restricted, KEYS, channel=CHANNEL, most_entries=1000), client)


def parse_password(text: str):
    return parse_endpoint(f"valkey://:{text}@localhost").password


@pytest.mark.parametrize(
    "rules",
    [f"&other -@all {NEEDED} +publish", f"&{CHANNEL} -@all {NEEDED}"],
    ids=["another channel", "no PUBLISH"],
)
async def test_an_event_that_may_not_be_published_is_accepted_all_the_same(rules):
    async def call(acceptor, client):
        first = await accept(acceptor)
        assert first.receivers is None
        assert (await accept(acceptor)).again
        assert await ids(client) == [str(first.id)]

    await accepted_as(rules, call)


async def test_the_commands_that_accepting_needs_are_enough():
    async def call(acceptor, client):
        assert (await accept(acceptor, key="k")).receivers == 0

    await accepted_as(f"&{CHANNEL} -@all {NEEDED} +publish", call)


@pytest.mark.parametrize("missing", ["evalsha", "get", "set", "xlen", "xadd", "hset", "pexpire"])
async def test_a_user_who_may_not_do_all_of_it_does_nothing_of_it(missing):
    async def call(acceptor, client):
        with pytest.raises(BrokerRefused):
            await accept(acceptor, key="k")
        assert await client.call("KEYS", "*") == []

    await accepted_as(f"&{CHANNEL} -@all {NEEDED.replace(f'+{missing}', '')} +publish", call)


async def test_a_full_valkey_accepts_nothing_and_spends_no_token(client, acceptor):
    await accept(acceptor)
    await client.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await client.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(BrokerRefused):
        await accept(acceptor, jti="token-2")
    await client.call("CONFIG", "SET", "maxmemory", "0")
    assert len(await ids(client)) == 1
    assert not (await accept(acceptor, jti="token-2")).again


async def test_whether_it_was_accepted_can_be_learned_by_asking_again(valkey, client, acceptor, clock: MockClock):
    await accept(acceptor)
    valkey.pause()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(no_answer, acceptor)
        await wait_all_tasks_blocked(0.05)
        clock.jump(3)
    valkey.resume()
    again = await accept(acceptor, jti="token-2")
    assert len(await ids(client)) == 2
    assert again.again, "the call that was not answered had arrived"


async def no_answer(acceptor: Acceptor) -> None:
    with pytest.raises(BrokerUnavailable):
        await accept(acceptor, jti="token-2")


STRANGE = [b"*1\r\n$7\r\nperhaps\r\n", b"$2\r\nOK\r\n", b"*-1\r\n", b"*3\r\n$8\r\naccepted\r\n$3\r\n1-0\r\n$1\r\n0\r\n"]


@pytest.mark.parametrize("answer", STRANGE)
async def test_an_answer_that_is_none_of_the_scripts_is_no_acceptance(answer):
    async with open_peer(saying(answer)) as port, open_client(parse_endpoint(f"127.0.0.1:{port}")) as client:
        with pytest.raises(BrokerUnavailable):
            await accept(Acceptor(client, KEYS, channel=CHANNEL, most_entries=1000))
