"""Rows C1 to C5 of the security checklist, by Trio's clock."""

import logging
from collections.abc import Callable
from itertools import pairwise

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from krt.errors import KeysUnavailable
from krt.oidc.fetch import FetchFailed
from krt.oidc.keys import KeyRing, Schedule, key_ring_of
from krt.oidc.keyset import KeySet, KeySetInvalid, parse_key_set
from tests.oidc.tokens import ISSUER, KID, jwk, key_set_body

FIRST, SECOND = parse_key_set(key_set_body()), parse_key_set(key_set_body(jwk(kid="second")))
DOWN = FetchFailed("connection")
DAY = 24 * 3600


class ScriptedIssuer:
    """Answers each look with `answer`, after `seconds`, and notes when it came."""

    def __init__(self, answer: KeySet | Exception) -> None:
        self.answer = answer
        self.seconds = 0.0
        self.looks: list[float] = []

    async def fetch(self) -> KeySet:
        self.looks.append(trio.current_time())
        answer = self.answer
        await trio.sleep(self.seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.looks)]


@pytest.fixture
def issuer() -> ScriptedIssuer:
    return ScriptedIssuer(FIRST)


@pytest.fixture
async def ring(issuer: ScriptedIssuer, nursery: trio.Nursery, autojump_clock: MockClock) -> KeyRing:
    """A ring that looked once."""
    ring = KeyRing(issuer.fetch)
    await nursery.start(ring.keep_fresh)
    await trio.testing.wait_all_tasks_blocked()
    return ring


async def test_the_ring_counts_as_started_before_its_first_answer(
    issuer: ScriptedIssuer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    issuer.seconds = 4
    ring = KeyRing(issuer.fetch)
    await nursery.start(ring.keep_fresh)
    with pytest.raises(KeysUnavailable):
        ring.current()
    assert (ring.key_count(), ring.age_seconds()) == (0, float("inf"))
    await trio.sleep(5)
    assert ring.current() is FIRST
    assert (ring.key_count(), ring.age_seconds()) == (1, 1)


async def test_the_keys_are_renewed_every_ten_minutes_and_not_in_step(
    issuer: ScriptedIssuer, ring: KeyRing, autojump_clock: MockClock
) -> None:
    await trio.sleep(4 * 3600)
    assert all(600 <= gap <= 750 for gap in issuer.gaps())
    assert len(set(issuer.gaps())) > 10
    assert ring.fetches == {"ok": len(issuer.looks)}


async def test_an_issuer_that_is_down_at_the_start_is_asked_again_ever_slower(
    issuer: ScriptedIssuer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    issuer.answer = DOWN
    ring = KeyRing(issuer.fetch)
    await nursery.start(ring.keep_fresh)
    await trio.sleep(1200)
    with pytest.raises(KeysUnavailable):
        ring.current()
    for gap, step in zip(issuer.gaps(), [1, 2, 4, 8, 16, 32, *[60] * 99], strict=False):
        assert step <= gap <= 1.25 * step
    assert ring.last_failure == "connection"
    assert ring.fetches == {"connection": len(issuer.looks)}
    issuer.answer = FIRST
    await trio.sleep(75)
    assert ring.current() is FIRST
    assert ring.last_failure is None


async def test_the_last_good_keys_serve_a_day_without_the_issuer_and_no_longer(
    issuer: ScriptedIssuer, ring: KeyRing, autojump_clock: MockClock
) -> None:
    issuer.answer = DOWN
    await trio.sleep(3600)
    assert ring.current() is FIRST
    assert ring.last_failure == "connection"
    await trio.sleep(DAY - 3601)
    assert ring.current() is FIRST
    await trio.sleep(2)
    with pytest.raises(KeysUnavailable):
        ring.current()
    assert ring.key_count() == 0
    assert all(gap >= 30 for gap in issuer.gaps())
    issuer.answer = SECOND
    await trio.sleep(75)
    assert ring.current() is SECOND


@pytest.mark.parametrize("reason", ["status", "not_json", "duplicate_kid", "no_usable_key", "too_long", "too_slow"])
async def test_a_bad_answer_changes_no_key_and_is_counted(
    issuer: ScriptedIssuer, ring: KeyRing, reason: str, autojump_clock: MockClock
) -> None:
    issuer.answer = KeySetInvalid(reason)  # type: ignore[arg-type]
    await trio.sleep(760)
    assert ring.current() is FIRST
    assert ring.last_failure == reason
    assert ring.fetches[reason] >= 1


@pytest.mark.parametrize("after_seconds", [0, 1, 29, 31, 400])
async def test_a_new_key_is_known_half_a_minute_after_it_is_first_seen(
    issuer: ScriptedIssuer, ring: KeyRing, after_seconds: float, autojump_clock: MockClock
) -> None:
    await trio.sleep(after_seconds)
    issuer.answer = SECOND
    ring.unknown_kid()
    await trio.sleep(30.1)
    assert ring.current() is SECOND
    assert len(issuer.looks) == 2


async def test_a_removed_key_is_gone_with_the_next_look(
    issuer: ScriptedIssuer, ring: KeyRing, autojump_clock: MockClock
) -> None:
    issuer.answer = SECOND
    await trio.sleep(750)
    assert KID not in ring.current().keys


async def test_asking_during_a_look_leads_to_one_more(
    issuer: ScriptedIssuer, ring: KeyRing, autojump_clock: MockClock
) -> None:
    issuer.seconds = 4
    await trio.sleep(31)
    ring.unknown_kid()
    await trio.sleep(1)
    ring.unknown_kid()
    ring.unknown_kid()
    issuer.answer = SECOND
    await trio.sleep(35)
    assert len(issuer.looks) == 3
    assert ring.current() is SECOND


OUTCOMES = [FIRST, FetchFailed("status"), DOWN, FetchFailed("too_slow"), KeySetInvalid("not_json")]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: getattr(outcome, "reason", "healthy"))
@pytest.mark.parametrize("idle_seconds", [0, 45, 590])
async def test_a_flood_of_unknown_keys_costs_three_looks_a_minute(
    issuer: ScriptedIssuer,
    ring: KeyRing,
    outcome: KeySet | Exception,
    idle_seconds: float,
    autojump_clock: MockClock,
) -> None:
    await trio.sleep(idle_seconds)
    issuer.answer, issuer.seconds = outcome, 4.9 if outcome == "too_slow" else 0
    before = len(issuer.looks)
    for _ in range(100):
        for _ in range(100):
            ring.unknown_kid()
        await trio.sleep(0.6)
        assert ring.current() is FIRST
    assert len(issuer.looks) - before <= 3


async def test_a_look_that_takes_its_whole_time_holds_up_nobody(
    issuer: ScriptedIssuer, ring: KeyRing, autojump_clock: MockClock
) -> None:
    issuer.seconds = 5
    await trio.sleep(30)
    ring.unknown_kid()
    await trio.testing.wait_all_tasks_blocked()
    began = trio.current_time()
    assert ring.current() is FIRST
    ring.unknown_kid()
    assert trio.current_time() == began


async def test_a_bug_while_fetching_is_no_failure_of_the_issuer(
    autojump_clock: MockClock,
) -> None:
    ring = KeyRing(ScriptedIssuer(ZeroDivisionError()).fetch, Schedule())
    with pytest.raises(ZeroDivisionError):
        await ring.keep_fresh()


async def test_each_look_is_one_line_in_the_log(
    issuer: ScriptedIssuer, ring: KeyRing, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level(logging.INFO)
    await trio.sleep(760)
    issuer.answer = DOWN
    await trio.sleep(760)
    said: Callable[[logging.LogRecord], tuple[object, ...]] = lambda record: (record.levelname, record.msg)  # noqa: E731
    assert said(caplog.records[0]) == ("INFO", "keys_fetched")
    assert said(caplog.records[-1]) == ("WARNING", "keys_not_fetched")
    assert caplog.records[-1].__dict__["fields"]["reason"] == "connection"


async def test_wrong_settings_are_found_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="on this machine only"):
        await key_ring_of("http://issuer.example")
    with pytest.raises(ValueError, match="write the proxy as"):
        await key_ring_of(ISSUER, proxy="socks5://proxy")
