"""Row D8 against real processes: a token is one event, however often, wherever and whenever it is sent."""

import json
import time
from collections import Counter
from math import ceil

import pytest
import trio

from krt.broker.client import open_client
from tests.door.door import BODY, D401, Door, Watch, constant, request
from tests.door.process import krt_web
from tests.door.surroundings import Surroundings
from tests.fakes.pace import slack
from tests.serving.raw import Reply

OTHER_BODY = json.dumps({"image": "ghcr.io/acme/shop", "tags": ["other"]}).encode()


def id_of(reply: Reply) -> str:
    assert reply.status == 202, reply.received
    return str(json.loads(reply.body)["id"])


def problem_of(reply: Reply) -> str:
    assert reply.status == 403
    return str(json.loads(reply.body)["type"])


async def test_the_same_call_again_is_a_retry(door: Door, watch: Watch) -> None:
    sent = door.good()
    await watch.published()
    first = id_of(await door.exchange(sent))
    assert len(await watch.published()) == 1
    keys, entries = await watch.keys(), await watch.entries()
    for _ in range(5):
        assert id_of(await door.exchange(sent)) == first
    assert await watch.published() == []
    assert (await watch.keys(), await watch.entries()) == (keys, entries)
    assert [line["event_id"] for line in door.process.events("event_repeated")[-5:]] == [first] * 5


async def test_another_event_with_the_same_token_is_refused(door: Door, watch: Watch) -> None:
    token = door.newcomer()
    id_of(await door.exchange(request(token=token)))
    for sent in (request(token=token, body=OTHER_BODY), request(token=token, path=b"/event/dry-run")):
        async with watch.nothing_accepted():
            assert problem_of(await door.exchange(sent)) == "urn:krt:problem:token-already-used"
    id_of(await door.exchange(request(token=token)))


async def test_the_same_event_written_otherwise_is_the_same_call(door: Door) -> None:
    token = door.newcomer()
    spelled = b' {"tags":["dev"],"image":"ghcr.io/acme/shop"} '
    assert id_of(await door.exchange(request(token=token))) == id_of(
        await door.exchange(request(token=token, body=spelled))
    )


async def test_fifty_at_once_are_one_event(door: Door, watch: Watch) -> None:
    sent, ids = door.good(), Counter[str]()
    await watch.published()
    entries = await watch.entries()

    async def one() -> None:
        ids[id_of(await door.exchange(sent))] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(one)
    assert list(ids.values()) == [50]
    assert len(await watch.published()) == 1
    assert await watch.entries() == entries + 1


async def test_of_fifty_different_events_at_once_one_is_accepted(door: Door, watch: Watch) -> None:
    token, outcomes = door.newcomer(), Counter[int]()
    await watch.published()

    async def one(number: int) -> None:
        body = json.dumps({"image": "ghcr.io/acme/shop", "tags": [f"t{number}"]}).encode()
        outcomes[(await door.exchange(request(token=token, body=body))).status] += 1

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(one, number)
    assert outcomes[202] == 1
    assert outcomes.keys() <= {202, 403, 429}  # the others cost their repository's share
    assert len(await watch.published()) == 1


async def test_a_restart_forgets_no_token(
    around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("log")
    with krt_web(directory, environ) as process:
        before = Door(around, process)
        token = before.newcomer()
        first = id_of(await before.exchange(request(token=token)))
        assert process.stop() == 0
    with krt_web(directory, environ) as process:
        after = Door(around, process)
        assert id_of(await after.exchange(request(token=token))) == first
        assert problem_of(await after.exchange(request(token=token, body=OTHER_BODY)))


async def test_two_processes_know_each_others_tokens(
    door: Door,
    watch: Watch,
    around: Surroundings,
    environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with krt_web(tmp_path_factory.mktemp("log"), environ) as process:
        other = Door(around, process)
        token, ids = door.newcomer(), Counter[str]()
        await watch.published()

        async def one(at: Door) -> None:
            ids[id_of(await at.exchange(request(token=token)))] += 1

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(one, (door, other)[number % 2])
        assert list(ids.values()) == [50]
        assert len(await watch.published()) == 1
        assert problem_of(await other.exchange(request(token=token, body=OTHER_BODY)))


async def test_a_spent_token_is_remembered_longer_than_any_could_be_used(door: Door, around: Surroundings) -> None:
    await door.exchange(door.good())
    async with open_client(around.endpoint) as client:
        spent = await client.call("KEYS", "{krt}:token:*")
        assert isinstance(spent, list)
        left = [await client.call("PTTL", key) for key in spent]
    # A token is taken for 900 s after it was made and 10 s of leeway on either side.
    assert max(left) > 920_000  # type: ignore[type-var, operator]


async def test_a_token_that_expires_between_two_calls_is_not_even_a_retry(door: Door, watch: Watch) -> None:
    now, left_seconds = int(time.time()), ceil(slack(0.5))
    token = door.newcomer(iat=now - 300, nbf=now - 900, exp=now - 10 + left_seconds)  # ten are its leeway
    id_of(await door.exchange(request(token=token)))
    await trio.sleep(left_seconds + 0.5)
    async with watch.nothing_accepted():
        reply = await door.exchange(request(token=token))
        assert constant(reply) == D401
        assert (await door.line_of(reply))["reason"] == "expired"


async def test_a_key_of_ones_own_makes_a_fresh_token_a_retry(door: Door, watch: Watch) -> None:
    run = {"repository_id": "9000", "run_id": "77"}
    first = id_of(await door.exchange(request(b"Idempotency-Key: k-1", token=door.token(**run))))
    await watch.published()
    assert id_of(await door.exchange(request(b"Idempotency-Key: k-1", token=door.token(**run)))) == first
    assert await watch.published() == []
    assert id_of(await door.exchange(request(b"Idempotency-Key: k-2", token=door.token(**run)))) != first
    other_run = {**run, "run_id": "78"}
    assert id_of(await door.exchange(request(b"Idempotency-Key: k-1", token=door.token(**other_run)))) != first


# How often a repository may call


async def test_a_repository_may_call_thirty_times_at_once(door: Door, watch: Watch) -> None:
    """Each second that goes by meanwhile gives one call more."""
    began, sent, replies = trio.current_time(), [], list[Reply]()
    while not replies or replies[-1].status == 202:
        sent.append(door.good(repository_id="5000"))
        replies.append(await door.exchange(sent[-1]))
    refused = replies[-1]
    assert 30 <= len(replies) - 1 <= 30 + trio.current_time() - began
    assert refused.status == 429
    assert refused.headers["retry-after"] == "1"
    assert json.loads(refused.body)["type"] == "urn:krt:problem:too-many-calls"
    entries = await watch.entries()
    bodies = (BODY, b"{", json.dumps({"image": "ghcr.io/evil/x", "tags": ["dev"]}).encode())
    statuses = [(await door.exchange(door.good(body, repository_id="5000"))).status for body in bodies]
    assert set(statuses) <= {429, 202, 400, 403}
    assert await watch.entries() == entries + statuses.count(202)
    assert id_of(await door.exchange(sent[0])) == id_of(replies[0])  # a retry is free
    location = replies[0].headers["location"].encode()
    poll = request(path=location, method=b"GET", body=b"", content_type=None, token=door.token(repository_id="5000"))
    assert (await door.exchange(poll)).status == 200  # and so is looking
    assert await door.metric("krt_requests_total", reason="too-many-calls") >= 1
