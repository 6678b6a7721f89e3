"""How long refusals wait, by a clock of the test's own."""

from krt.web.patience import AT_ONCE, MOST_WAITING, WAIT_SECONDS, Patience


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_refusal_now_and_then_waits_for_nothing():
    clock = Clock()
    patience = Patience(clock)
    for _ in range(10 * AT_ONCE):
        assert patience.seconds() == 0
        clock.now += 1.01 / AT_ONCE


def test_of_a_storm_all_but_the_first_wait():
    patience = Patience(Clock())
    waits = [patience.seconds() for _ in range(AT_ONCE + 100)]
    assert waits[:AT_ONCE] == [0] * AT_ONCE
    assert all(WAIT_SECONDS[0] <= wait <= WAIT_SECONDS[1] for wait in waits[AT_ONCE:])
    assert len(set(waits[AT_ONCE:])) > 50, "they come back at different times"


def test_no_more_wait_at_a_time_than_there_is_room_for():
    clock = Clock()
    patience = Patience(clock)
    waits = [patience.seconds() for _ in range(AT_ONCE + MOST_WAITING + 100)]
    assert [bool(wait) for wait in waits[AT_ONCE:]] == [True] * MOST_WAITING + [False] * 100
    clock.now += WAIT_SECONDS[1] + 0.01
    assert patience.seconds() > 0


def test_after_a_second_of_peace_nobody_waits():
    clock = Clock()
    patience = Patience(clock)
    for _ in range(AT_ONCE + 10):
        patience.seconds()
    clock.now += 1.01
    assert patience.seconds() == 0
