"""A repository may call 30 times at once and 60 times a minute; retries are free; memory is bounded."""

from itertools import count

import pytest

from krt.errors import TooManyCalls
from krt.web import limit
from krt.web.limit import A_MINUTE, AT_ONCE, RateLimit


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def calls(time: Time) -> RateLimit:
    return RateLimit(time)


tokens = map(str, count())


def charged(calls: RateLimit, repository: str = "74", *, most: int = 1000) -> int:
    """How many calls, each with a token of its own, pass before the first that does not."""
    for passed in range(most):
        try:
            calls.charge(repository, f"t-{next(tokens)}")
        except TooManyCalls:
            return passed
    return most


def test_thirty_calls_at_once_pass_and_no_more(calls: RateLimit) -> None:
    assert charged(calls) == AT_ONCE == 30
    assert charged(calls) == 0


def test_sixty_a_minute_pass_thereafter(calls: RateLimit, time: Time) -> None:
    charged(calls)
    passed = 0
    for _ in range(600):
        time.now += 0.1
        passed += charged(calls)
    assert passed in {A_MINUTE - 1, A_MINUTE}


def test_who_is_refused_is_told_when_there_is_room(calls: RateLimit, time: Time) -> None:
    charged(calls)
    time.now += 0.25
    with pytest.raises(TooManyCalls) as caught:
        calls.charge("74", "t")
    assert caught.value.retry_after_seconds == pytest.approx(0.75)
    time.now += 0.75
    calls.charge("74", "t")


def test_one_repository_does_not_use_up_anothers_share(calls: RateLimit) -> None:
    charged(calls, "74")
    assert charged(calls, "75") == AT_ONCE


def test_a_share_never_grows_beyond_the_thirty(calls: RateLimit, time: Time) -> None:
    charged(calls, most=1)
    time.now += 3600
    assert charged(calls) == AT_ONCE


def test_the_retry_of_an_answered_call_costs_nothing_even_when_nothing_is_left(calls: RateLimit) -> None:
    calls.charge("74", "mine")
    calls.accepted("74", "mine", again=False)
    charged(calls)
    for _ in range(100):
        calls.charge("74", "mine")
        calls.accepted("74", "mine", again=True)
    assert charged(calls) == 0


def test_calls_with_one_token_at_once_are_one_call(calls: RateLimit) -> None:
    for _ in range(100):
        calls.charge("74", "mine")
    assert charged(calls) == AT_ONCE - 1


@pytest.mark.parametrize("order", [(False, True), (True, False), (True, True, False), (False, True, True)])
def test_whichever_of_them_is_answered_first_the_event_is_charged_once(
    calls: RateLimit, order: tuple[bool, ...]
) -> None:
    for _ in order:
        calls.charge("74", "mine")
    for again in order:
        calls.accepted("74", "mine", again=again)
    assert charged(calls) == AT_ONCE - 1


def test_the_retry_of_a_call_that_another_process_answered_is_given_back_once(calls: RateLimit) -> None:
    for number in range(100):
        for _ in range(3):
            calls.charge("74", f"elsewhere-{number}")
            calls.accepted("74", f"elsewhere-{number}", again=True)
    assert charged(calls) == AT_ONCE


def test_a_token_whose_call_was_refused_costs_again(calls: RateLimit) -> None:
    for _ in range(AT_ONCE):
        calls.charge("74", "mine")
        calls.refused("mine")
    with pytest.raises(TooManyCalls):
        calls.charge("74", "mine")


def test_what_is_remembered_is_bounded_and_strangers_to_a_full_memory_wait(
    calls: RateLimit, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "MOST_REPOSITORIES", 10)
    for repository in range(10):
        assert charged(calls, str(repository), most=1) == 1
        time.now += 1
    with pytest.raises(TooManyCalls) as caught:
        calls.charge("new", "t")
    assert caught.value.retry_after_seconds == pytest.approx(20)
    assert charged(calls, "9", most=1) == 1
    time.now += 20
    calls.charge("new", "t")
    assert len(calls._buckets) <= 10


def test_the_tokens_that_are_remembered_are_bounded(calls: RateLimit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "MOST_TOKENS", 3)
    for token in "abcd":
        calls.charge("74", token)
    assert [*calls._charges] == ["b", "c", "d"]


def test_whoever_was_silent_for_half_a_minute_is_forgotten(calls: RateLimit, time: Time) -> None:
    for repository in range(1000):
        charged(calls, str(repository), most=1)
    time.now += 30
    charged(calls, "last", most=1)
    assert [*calls._buckets] == ["last"]
