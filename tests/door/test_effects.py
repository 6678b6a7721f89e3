"""Rows F1 to F4, F8 and F9 against the real process: what an accepted event does, and a Valkey that fails."""

import json
import re
import time
from collections.abc import Iterator
from statistics import median

import pytest
import trio

from krt.core.announce.event import JOURNALED
from tests.door.door import BODY, D401, Door, Watch, constant, request, watching
from tests.door.process import krt_web
from tests.door.surroundings import Surroundings
from tests.fakes.pace import pace, slack
from tests.oidc.tokens import HEADER, private_key


@pytest.fixture
def fresh(around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with krt_web(tmp_path_factory.mktemp("log"), environ) as process:
        door = Door(around, process)
        yield door
        door.assert_log_keeps_secrets()


# Row F2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BODY, b'{"image":"ghcr.io/acme/shop","tags":["dev"]}'),
        (
            b' { "tags" : [ "b", "a" ] ,\n "image" : "ghcr.io/acme/shop" } ',
            b'{"image":"ghcr.io/acme/shop","tags":["b","a"]}',
        ),
        (b'{"image":"ghcr.io\\u002facme/sh\\u006fp:dev"}', b'{"image":"ghcr.io/acme/shop","tags":["dev"]}'),
    ],
)
async def test_an_accepted_event_is_one_message_of_its_values(
    body: bytes, message: bytes, door: Door, watch: Watch
) -> None:
    await watch.published()
    entries = await watch.entries()
    reply = await door.exchange(door.good(body))
    assert reply.status == 202
    assert await watch.published() == [message + JOURNALED]
    assert await watch.entries() == entries + 1
    answer = json.loads(reply.body)
    assert answer == {"id": answer["id"], "status": f"/events/{answer['id']}"}
    assert reply.headers["location"] == answer["status"]


async def test_the_longest_event_is_a_message_of_four_kilobytes_at_most(door: Door, watch: Watch) -> None:
    await watch.published()
    image = "ghcr.io/acme/shop/" + "/".join(["a" * 47] * 5)[:237]
    body = json.dumps({"image": image, "tags": [f"{number:0128}" for number in range(16)]}).encode()
    assert (await door.exchange(door.good(body))).status == 202
    [message] = await watch.published()
    assert len(message) <= 4096


# Row F4


async def test_an_event_that_nobody_hears_is_accepted_and_counted(door: Door) -> None:
    before = await door.metric("krt_events_unheard_total")
    reply = await door.exchange(door.good())
    assert await door.metric("krt_events_unheard_total") == before + 1
    await door.line_of(reply)
    assert door.process.events("event_accepted")[-1]["receivers"] == 0


# Row F3


async def answered(door: Door, sent: bytes) -> tuple[int, bytes, float]:
    began = time.perf_counter()
    reply = await door.exchange(sent)
    assert reply.headers.get("retry-after") == ("5" if reply.status == 503 else None)
    return reply.status, reply.body, time.perf_counter() - began


async def test_a_valkey_that_is_down_is_a_503_that_spends_nothing(fresh: Door) -> None:
    around, sent = fresh.surroundings, fresh.good()
    await trio.to_thread.run_sync(around.run, around.valkey.kill)
    try:
        for _ in range(3):
            status, body, seconds = await answered(fresh, sent)
            assert (status, body) == (503, b"")
            assert seconds < slack(3)
        assert constant(await fresh.exchange(request())) == D401
        assert (await fresh.probe("/healthz")).status == 200
    finally:
        await trio.to_thread.run_sync(around.run, around.valkey.start)
    await fresh.accepts(lambda: sent)
    async with watching(fresh) as watch:
        assert len(fresh.process.events("event_accepted")) == 1
        await watch.published()
        assert json.loads((await fresh.exchange(sent)).body)  # the same token: the same event again
        assert await watch.published() == []


async def test_a_valkey_that_hangs_is_a_503_within_three_seconds_for_each_and_bounded(fresh: Door) -> None:
    await fresh.assert_open()
    memory = fresh.process.resident_bytes()
    fresh.surroundings.valkey.pause()
    try:
        async with trio.open_nursery() as nursery:
            ends: list[tuple[int, bytes, float]] = []

            async def one() -> None:
                ends.append(await answered(fresh, fresh.good()))

            for _ in range(40):
                nursery.start_soon(one)
            await trio.sleep(0.5)  # they are before Valkey: nothing shows how many wait for it
            assert constant(await fresh.exchange(request())) == D401
            assert (await fresh.probe("/healthz")).status == 200
        assert {(status, body) for status, body, _ in ends} == {(503, b"")}
        assert max(seconds for *_, seconds in ends) < slack(3.5)
        assert fresh.process.resident_bytes() - memory < 10_000_000
    finally:
        fresh.surroundings.valkey.resume()
    await fresh.accepts(fresh.good)


async def test_a_valkey_user_that_may_not_write_is_a_503_and_a_hint_in_the_log(
    around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = {**environ, "VALKEY_USERNAME": "narrow"}
    with krt_web(tmp_path_factory.mktemp("log"), own) as process:
        door = Door(around, process)
        reply = await door.exchange(door.good())
        assert (reply.status, reply.body) == (503, b"")
        ended = await door.line_of(reply)
        assert (ended["reason"], ended["level"]) == ("broker-unavailable", "warning")
        assert "narrow" in ended["problem"]
        assert "eval" in ended["problem"].lower()
        door.assert_log_keeps_secrets()


# Row F8


async def test_the_labels_of_all_metrics_are_few_and_none_is_a_callers(door: Door) -> None:
    for number in range(60):
        header = {**HEADER, "kid": f"kid-{number}"}
        await door.exchange(request(token=door.token(None, header)), source=f"127.0.4.{number + 1}")
        await door.exchange(request(path=b"/path-%d" % number, method=b"GET"))
        await door.exchange(door.good(repository=f"acme/shop-{number}"))
        await door.exchange(b"NONSENSE %d\r\n\r\n" % number)
    text = (await door.probe("/metrics")).body.decode()
    lines = [line for line in text.splitlines() if line.startswith("krt_")]
    assert not [line for line in lines if re.search(r"kid-|path-|shop|acme", line)]
    assert len(lines) < 150
    assert (await door.probe("/metrics")).headers["content-type"].startswith("text/plain; version=0.0.4")


# Row F9


@pytest.mark.alone
async def test_the_401s_of_all_kinds_take_the_same_time(door: Door) -> None:
    kinds = {
        "missing": request(),
        "unknown key": request(token=door.token(None, {**HEADER, "kid": "nobodys"})),
        "bad signature": request(token=door.token(key=private_key(2048, 1))),
        "no rule": request(token=door.newcomer(repository_owner_id="650")),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(150):
        for kind, sent in kinds.items():
            began = time.perf_counter()
            assert constant(await door.exchange(sent)) == D401
            times[kind].append(time.perf_counter() - began)
    medians = [median(some) for some in times.values()]
    assert max(medians) - min(medians) < 0.002 * pace()
