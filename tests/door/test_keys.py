"""Rows C1 to C7 against the real process: whatever answers for the issuer, and whoever asks for its keys."""

import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from statistics import median

import pytest
import trio

from krt.dev.issuer import KeysFault
from tests.door.door import D401, Door, constant, request, watching
from tests.door.process import Process, krt_web
from tests.door.surroundings import Surroundings, surroundings
from tests.fakes.pace import pace, slack
from tests.oidc.tokens import HEADER, encoded, jwk, key_set_body, private_key, segment

OTHER = private_key(2048, 2)
_AT_ONCE = 5
_COOL_DOWN_SECONDS = 30


@pytest.fixture(autouse=True)
def _a_healthy_issuer_for_the_next(around: Surroundings) -> Iterator[None]:
    yield
    around.issuer.keys_fault, around.issuer.keys_body = KeysFault.NONE, key_set_body()


@pytest.fixture
def fresh(around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A process that has looked at the keys once, just now."""
    with krt_web(tmp_path_factory.mktemp("log"), environ) as process:
        door = Door(around, process)
        yield door
        door.assert_log_keeps_secrets()


def unsigned(number: int) -> str:
    """A token of a key that nobody has; it is refused before its signature matters."""
    return f"{segment({**HEADER, 'kid': f'unknown-{number}'})}.{encoded(b'{}')}.AAAA"


async def flood(door: Door, number: int, within_seconds: float) -> int:
    """Send so many tokens of unknown keys, evenly; how many were answered 401."""
    answered, began = 0, trio.current_time()

    async def one(name: int) -> None:
        nonlocal answered
        reply = await door.exchange(request(token=unsigned(name)), source=f"127.0.3.{name % 50 + 1}")
        assert constant(reply) == D401
        answered += 1

    async with trio.open_nursery() as nursery:  # without waiting for answers: they are held back while many are refused
        for first in range(0, number, _AT_ONCE):
            for name in range(first, first + _AT_ONCE):
                nursery.start_soon(one, name)
            await trio.sleep_until(began + within_seconds * first / number)
    return answered


def most_looks(door: Door) -> int:
    """After the first, with which the process began: one in each half a minute, however long all this takes here."""
    return int(door.process.age_seconds() / _COOL_DOWN_SECONDS)


async def seconds_of(door: Door) -> float:
    sent, began = door.good(), time.perf_counter()
    reply = await door.exchange(sent)
    assert reply.status == 202, reply.received
    return time.perf_counter() - began


FAULTS = [KeysFault.NONE, KeysFault.ERROR, KeysFault.SILENT, KeysFault.GARBAGE]
# Of the clock and the scheduler: a stall of 10 ms for each token of a flood makes ten times as much of a call.
NOISE_SECONDS = 0.015


def assert_as_fast(flooded: list[float], quiet: list[float]) -> None:
    """Both were taken turn by turn, so that a busy machine slows both down, if not by the same."""
    print(f"good calls: {1000 * median(flooded):.1f} ms in the flood, {1000 * median(quiet):.1f} ms without")
    assert median(flooded) < max(5 * median(quiet), NOISE_SECONDS * pace())


@pytest.mark.parametrize("fault", FAULTS)
async def test_unknown_keys_cost_no_look_at_once_and_hold_up_nobody(fault: KeysFault, fresh: Door, door: Door) -> None:
    fresh.surroundings.issuer.keys_fault = fault
    async with watching(fresh) as watch:
        flooded: list[float] = []
        quiet: list[float] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood, fresh, 200, 1.0)
            for _ in range(15):
                await trio.sleep(0.05)
                quiet.append(await seconds_of(door))
                flooded.append(await seconds_of(fresh))
        assert watch.fetches() <= most_looks(fresh)  # none, where it began less than half a minute ago
    assert_as_fast(flooded, quiet)


@pytest.fixture
def flooded(environ: dict[str, str], tmp_path: Path) -> Iterator[list[Door]]:
    """Processes that have looked at the keys once, each of an issuer with another fault since."""
    with ExitStack() as started:
        doors = []
        for fault in FAULTS:
            around = started.enter_context(surroundings())
            doors.append(Door(around, started.enter_context(krt_web(tmp_path, {**environ, **around.environ}))))
            around.issuer.keys_fault = fault
        yield doors
        for door in doors:
            door.assert_log_keeps_secrets()


@pytest.mark.slow
@pytest.mark.long
async def test_10_000_unknown_keys_in_a_minute_cost_three_looks(flooded: list[Door], door: Door) -> None:
    """Four processes are flooded at once, a fifth is left alone: what a call takes is compared in the same minute.

    On a slower machine the minute is longer: one that cannot keep up would say nothing about krt.
    """
    quiet: list[float] = []
    times: list[list[float]] = [[] for _ in flooded]
    async with AsyncExitStack() as watched:
        watches = [await watched.enter_async_context(watching(one)) for one in flooded]
        async with trio.open_nursery() as nursery:
            for one in flooded:
                nursery.start_soon(flood, one, 10_000, 60.0 * pace())
            for _ in range(28):
                await trio.sleep(2 * pace())
                quiet.append(await seconds_of(door))
                for one, taken in zip(flooded, times, strict=True):
                    taken.append(await seconds_of(one))
        for one, watch in zip(flooded, watches, strict=True):
            assert 1 <= watch.fetches() <= most_looks(one)
    for one, taken in zip(flooded, times, strict=True):
        assert_as_fast(taken, quiet)
        assert (await one.probe("/readyz")).status == 200


async def test_without_keys_it_is_alive_but_not_ready_says_503_and_recovers_unaided(
    around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    around.issuer.keys_fault = KeysFault.ERROR
    before = around.issuer.keys_fetches
    with krt_web(tmp_path_factory.mktemp("log"), environ, ready=False) as process:
        door = Door(around, process)
        assert process.wait_for("keys_not_fetched")
        async with watching(door) as watch:
            keys = await watch.keys()
            assert (await door.probe("/healthz")).status == 200
            ready = await door.probe("/readyz")
            assert (ready.status, json.loads(ready.body)["problems"]) == (
                503,
                [f"keys: status ({around.issuer.url}/.well-known/jwks)"],
            )
            for sent in (door.good(), request(token=unsigned(1))):
                reply = await door.exchange(sent)
                assert (reply.status, reply.body, reply.headers["retry-after"]) == (503, b"", "5")
            assert constant(await door.exchange(request())) == D401
            assert await watch.keys() == keys
        assert around.issuer.keys_fetches - before <= 1 + process.age_seconds()
        around.issuer.keys_fault = KeysFault.NONE
        assert process.wait_for("ready")
        await door.assert_open()


@pytest.mark.slow
@pytest.mark.long
async def test_a_rotated_key_is_known_half_a_minute_later_and_a_removed_one_no_more(fresh: Door) -> None:
    issuer, header = fresh.surroundings.issuer, {**HEADER, "kid": "second"}

    def second() -> bytes:
        return request(token=fresh.token(None, header, key=OTHER, repository_id="31"))

    issuer.keys_body = key_set_body(jwk(), jwk(OTHER, kid="second"))
    assert constant(await fresh.exchange(second())) == D401
    with trio.fail_after(30 + slack(10)):
        while (await fresh.exchange(second())).status != 202:  # noqa: ASYNC110 - nobody can tell us
            await trio.sleep(1)
    await fresh.assert_open()
    issuer.keys_body = key_set_body(jwk(OTHER, kid="second"))
    await fresh.exchange(request(token=unsigned(1)))
    with trio.fail_after(30 + slack(15)):
        while (await fresh.exchange(fresh.good())).status != 401:  # noqa: ASYNC110 - nobody can tell us
            await trio.sleep(1)
    assert (await fresh.exchange(second())).status == 202
    assert await fresh.metric("krt_key_fetches_total", outcome="ok") == 3


# The others: tests/oidc/test_keyset.py and test_fetch.py.
BAD_SETS = {
    "a name twice": (key_set_body(jwk(), jwk(OTHER)), "duplicate_kid"),
    "a private key": (key_set_body(jwk(d="AQAB")), "no_usable_key"),
    "a page": (b"<html>not found</html>", "not_json"),
    "a list": (b"[]", "not_a_key_set"),
    "without end": (b" " * 300_000, "too_long"),
}


@pytest.mark.parametrize("name", BAD_SETS)
async def test_a_bad_set_at_the_start_is_none(
    name: str, around: Surroundings, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    around.issuer.keys_body, reason = BAD_SETS[name]
    with krt_web(tmp_path_factory.mktemp("log"), environ, ready=False) as process:
        said: Process = process
        line = said.wait_for("keys_not_fetched")
        assert (line["reason"], line["url"]) == (reason, f"{around.issuer.url}/.well-known/jwks")
        ready = await Door(around, process).probe("/readyz")
        assert json.loads(ready.body)["problems"] == [f"keys: {reason} ({line['url']})"]
        assert not said.events("ready")
