"""The model of the fault test finds each violation, and nothing else."""

from dataclasses import replace

import pytest

from krt.core.announce.event_id import EventId
from tests.fault.model import Disturbance, Event, Restart, most_restarts, wrongs
from tests.fault.places import places
from tests.fault.plan import plan_of

START = 1_795_000_000
INTERVAL_SECONDS = 1.0


def an_event(seconds: float) -> Event:
    return Event(EventId(round((START + seconds) * 1000), 0), "1000", "ghcr.io/acme/app-00", ("dev",))


def a_restart(seconds: float, covers: float) -> Restart:
    return Restart(START + seconds, "journal", an_event(covers).id, START + seconds)


EVENTS = [an_event(0), an_event(0.4), an_event(0.6), an_event(5)]
RESTARTS = [a_restart(0.01, 0), a_restart(1.02, 0.6), a_restart(5.01, 5)]


def found(events: list[Event], restarts: list[Restart], *disturbances: Disturbance, made: int | None = None) -> str:
    """All sentences of the model, as one text."""
    sentences = wrongs(
        events,
        restarts,
        journal="journal",
        newest=an_event(10).id,
        interval_seconds=INTERVAL_SECONDS,
        disturbances=disturbances,
        made=made,
    )
    return "; ".join(sentences)


def test_a_leading_and_a_trailing_restart_are_what_a_burst_gets() -> None:
    assert found(EVENTS, RESTARTS) == ""
    assert most_restarts(EVENTS, INTERVAL_SECONDS) == 3


def test_what_nobody_names_has_no_history() -> None:
    assert found([], []) == ""
    assert "the model allows 0" in found([], [a_restart(0, 0)])


@pytest.mark.parametrize(
    ("restarts", "sentence"),
    [
        ([], "never restarted"),
        (RESTARTS[:2], "names it too"),
        ([*RESTARTS[:2], a_restart(4.9, 5)], "older than"),
        ([RESTARTS[0], a_restart(0.5, 0.4), a_restart(1.5, 0.6), RESTARTS[2]], "s after the one before"),
        ([*RESTARTS, a_restart(7, 5)], "no event that names it lies in"),
        ([*RESTARTS, a_restart(7, 6)], "no event that names it lies in"),
        ([*RESTARTS, a_restart(7, 0.6)], "goes back"),
        ([RESTARTS[0], a_restart(1.02, 0.4), a_restart(2.03, 0.6), RESTARTS[2]], "does not cover"),
        ([*RESTARTS[:2], replace(RESTARTS[2], journal="other")], "mark of other"),
        ([*RESTARTS[:2], replace(RESTARTS[2], covers=an_event(11).id)], "beyond"),
        ([*RESTARTS[:2], replace(RESTARTS[2], marked_at=START)], "a mark of"),
    ],
)
def test_what_the_model_forbids_is_found(restarts: list[Restart], sentence: str) -> None:
    assert sentence in found(EVENTS, restarts)


def test_a_restart_without_valkey_is_excused_and_allows_one_more() -> None:
    stale = [RESTARTS[0], a_restart(1.02, 0.4), a_restart(2.03, 0.6), RESTARTS[2]]
    assert found(EVENTS, stale, Disturbance(START - 1, START + 0.9)) == ""
    assert "does not cover" in found(EVENTS, stale, Disturbance(START - 10, START - 4))


def test_restarts_that_the_watch_did_not_see_are_counted() -> None:
    assert "4 restarts, and the model allows 3" in found(EVENTS, RESTARTS, made=4)


def test_the_same_seed_makes_the_same_plan() -> None:
    assert plan_of(7, events=50, seconds=20) == plan_of(7, events=50, seconds=20) != plan_of(8, events=50, seconds=20)


def test_an_announcement_may_name_many_deployments_or_none() -> None:
    plan = plan_of(1, events=500, seconds=75)
    named = [sum(place.is_named(each.image, each.tags) for place in places()) for each in plan.announcements]
    assert min(named) == 0
    assert max(named) > 3
