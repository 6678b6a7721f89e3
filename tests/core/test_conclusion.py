from dataclasses import replace

import pytest

from krt.core.announce.event_id import EventId
from krt.core.envelope import to_fields
from krt.core.report.conclusion import counted, is_absent, is_over_for, left, state_of
from krt.core.report.presence import Seen
from krt.core.report.report import ENDED, EventState, Group, GroupState, Report
from krt.core.report.target import Target, TargetState
from tests.fakes.keys import a_key
from tests.fakes.values import a_sighting, an_envelope

ACCEPTED_AT = 1_795_176_000
EVENT = EventId(ACCEPTED_AT * 1000, 0)
HERE, THERE = "default:0a1b", "eu:2c3d"
NAMES = {"here": HERE, "there": THERE}

SETTLED, NO_MATCH = Group(GroupState.SETTLED, final=True), Group(GroupState.NO_MATCH, final=True)
EXPIRED, FAILED = Group(GroupState.EXPIRED, final=True), Group(GroupState.FAILED, final=True)
MATCHED = Group(GroupState.MATCHED)
OPEN = {TargetState.WAITING, TargetState.PROGRESSING}


def a_report(*states: TargetState, dry_run: bool = False, **said: Group) -> Report:
    """The report of an event whose targets, in this cluster, are in these states."""
    keys = (a_key("Deployment", "shop", f"web-{number}") for number in range(len(states)))
    targets = {(HERE, key): Target(state) for key, state in zip(keys, states, strict=True)}
    event = to_fields(an_envelope(dry_run=dry_run))
    return Report(EVENT, event, {NAMES[name]: group for name, group in said.items()}, targets)


def seen(*, after: float = 5.0, max_event_age_seconds: float = 3600.0, **ago: float) -> Seen:
    """What is known so long after the event; of each cluster, how long ago it was alive."""
    now = ACCEPTED_AT + after
    age = {"max_event_age_seconds": max_event_age_seconds}
    return Seen({NAMES[name]: a_sighting(now - seconds, **age) for name, seconds in ago.items()}, now)


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (a_report(), EventState.ACCEPTED),
        (a_report(here=MATCHED), EventState.ACCEPTED),
        (a_report(TargetState.SKIPPED, here=MATCHED), EventState.ACCEPTED),
        (a_report(TargetState.WAITING, here=MATCHED), EventState.ROLLING),
        (a_report(TargetState.WAITING, here=SETTLED), EventState.ROLLING),
        (a_report(TargetState.READY, here=MATCHED), EventState.ROLLING),
        (a_report(TargetState.PROGRESSING, TargetState.READY, here=SETTLED), EventState.ROLLING),
        (a_report(TargetState.READY, TargetState.READY, here=SETTLED), EventState.READY),
        (a_report(TargetState.READY, TargetState.SKIPPED, here=SETTLED), EventState.READY),
        (a_report(TargetState.SKIPPED, here=SETTLED), EventState.NO_MATCH),
        (a_report(TargetState.SKIPPED, here=NO_MATCH), EventState.NO_MATCH),
        (a_report(here=NO_MATCH), EventState.NO_MATCH),
        (a_report(here=EXPIRED), EventState.EXPIRED),
        (a_report(here=FAILED), EventState.FAILED),
        (a_report(TargetState.READY, TargetState.FAILED, here=SETTLED), EventState.FAILED),
        (a_report(TargetState.PROGRESSING, TargetState.FAILED, here=SETTLED), EventState.FAILED),
    ],
)
def test_the_targets_and_their_cluster_make_the_state_of_the_event(report: Report, state: EventState) -> None:
    assert state_of(report, seen(here=1)) is state


@pytest.mark.parametrize(
    ("said", "states", "state"),
    [
        ({"here": NO_MATCH}, (), EventState.ACCEPTED),
        ({"here": SETTLED}, (TargetState.READY,), EventState.ROLLING),
        ({"here": SETTLED}, (TargetState.FAILED,), EventState.FAILED),
        ({"here": NO_MATCH, "there": NO_MATCH}, (), EventState.NO_MATCH),
        ({"here": SETTLED, "there": NO_MATCH}, (TargetState.READY,), EventState.READY),
        ({"here": SETTLED, "there": EXPIRED}, (TargetState.READY,), EventState.EXPIRED),
        ({"here": SETTLED, "there": FAILED}, (TargetState.READY,), EventState.FAILED),
    ],
)
def test_T4_an_event_waits_for_every_cluster_that_was_alive(
    said: dict[str, Group], states: tuple[TargetState, ...], state: EventState
) -> None:
    """Seen to fail with only those counted that have a field in the report."""
    assert state_of(a_report(*states, **said), seen(here=1, there=1)) is state


def test_T4_a_cluster_that_was_gone_a_day_before_the_event_is_not_waited_for() -> None:
    """Seen to fail with every cluster counted that was ever seen."""
    day = 24 * 3600
    assert state_of(a_report(here=NO_MATCH), seen(here=1, there=day + 6)) is EventState.NO_MATCH
    assert state_of(a_report(here=NO_MATCH), seen(here=1, there=day + 4)) is EventState.ACCEPTED


def test_T4_what_a_cluster_says_that_joined_after_the_event_changes_nothing() -> None:
    """It reads the whole journal, and settles what is old as expired. Seen to fail with its word counted."""
    later = a_sighting(ACCEPTED_AT + 9, first=ACCEPTED_AT + 9)
    known = Seen({HERE: a_sighting(ACCEPTED_AT + 9), THERE: later}, ACCEPTED_AT + 9)
    for said in (EXPIRED, FAILED, MATCHED):
        assert state_of(a_report(TargetState.READY, here=SETTLED, there=said), known) is EventState.READY


def test_where_no_cluster_was_ever_seen_the_event_stays_accepted_until_it_is_too_old() -> None:
    assert state_of(a_report(), seen(after=3600)) is EventState.ACCEPTED
    assert state_of(a_report(), seen(after=3601)) is EventState.EXPIRED


def test_the_first_worker_that_ever_comes_counts_for_the_events_it_takes_up() -> None:
    joined = Seen({HERE: a_sighting(ACCEPTED_AT + 9, first=ACCEPTED_AT + 9)}, ACCEPTED_AT + 9)
    assert state_of(a_report(TargetState.PROGRESSING, here=SETTLED), joined) is EventState.ROLLING
    assert state_of(a_report(TargetState.READY, here=SETTLED), joined) is EventState.READY


@pytest.mark.parametrize("there", [{}, {"there": MATCHED}])
def test_T4_a_silent_cluster_ends_the_event_as_expired_at_the_age_limit(there: dict[str, Group]) -> None:
    """Seen to fail with no look at the age."""
    report = a_report(TargetState.READY, here=SETTLED, **there)
    assert state_of(report, seen(after=3600, here=1, there=3600)) is EventState.ROLLING
    assert state_of(report, seen(after=3601, here=1, there=3601)) is EventState.EXPIRED


def test_T4_a_rollout_whose_cluster_has_fallen_silent_ends_as_expired_too() -> None:
    """Seen to fail with open targets taken for a sign of life."""
    report = a_report(TargetState.PROGRESSING, here=SETTLED)
    assert state_of(report, seen(after=3601, here=60)) is EventState.ROLLING
    assert state_of(report, seen(after=3601, here=61)) is EventState.EXPIRED


def test_T4_the_age_limit_is_the_one_of_the_clusters_own_workers() -> None:
    """Seen to fail with one limit for all."""
    assert state_of(a_report(), seen(after=601, there=100, max_event_age_seconds=600)) is EventState.EXPIRED
    assert state_of(a_report(), seen(after=7000, there=100, max_event_age_seconds=7200)) is EventState.ACCEPTED


def test_a_living_cluster_that_has_not_begun_by_then_would_not_begin_any_more() -> None:
    assert state_of(a_report(), seen(after=3601, here=1)) is EventState.EXPIRED


def test_a_rollout_that_goes_on_is_waited_for_beyond_the_age_limit() -> None:
    report = a_report(TargetState.PROGRESSING, here=SETTLED)
    assert state_of(report, seen(after=4000, here=1, there=4000)) is EventState.ROLLING


def test_T4_a_cluster_that_was_forgotten_is_not_waited_for() -> None:
    """Its group is not among those seen any more. Seen to fail with the groups of the report counted besides."""
    for there in ({}, {"there": MATCHED}):
        assert state_of(a_report(TargetState.READY, here=SETTLED, **there), seen(here=1)) is EventState.READY


def with_left(known: Seen, **ago: float) -> Seen:
    """And these clusters left so many seconds before the event."""
    gone = {NAMES[name]: a_sighting(ACCEPTED_AT - seconds, left=True) for name, seconds in ago.items()}
    return Seen({**known.groups, **gone}, known.now)


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (a_report(), EventState.ACCEPTED),
        (a_report(TargetState.PROGRESSING, here=SETTLED), EventState.ROLLING),
        (a_report(TargetState.READY, here=SETTLED), EventState.READY),
        (a_report(TargetState.FAILED, here=SETTLED), EventState.FAILED),
        (a_report(here=NO_MATCH), EventState.NO_MATCH),
        (a_report(dry_run=True, here=SETTLED), EventState.DONE),
    ],
)
def test_T4_a_cluster_that_has_left_does_not_decide_and_is_named(report: Report, state: EventState) -> None:
    """Seen to fail with `left` passed over: each event expired."""
    known = with_left(seen(after=61, here=1), there=300)
    assert (state_of(report, known), left(report, known)) == (state, {THERE})


def test_T4_where_every_cluster_has_left_an_event_is_no_success_and_waits() -> None:
    """Seen to fail with an event that nobody is there for taken for one that nothing matches."""
    known = with_left(seen(after=3600), here=300, there=200)
    assert (state_of(a_report(), known), left(a_report(), known)) == (EventState.ACCEPTED, {HERE, THERE})
    assert state_of(a_report(), with_left(seen(after=3601), here=300)) is EventState.EXPIRED


def test_T4_where_another_group_of_the_cluster_is_there_it_has_not_left() -> None:
    """Its settings were changed. Seen to fail with every group named."""
    known = with_left(seen(after=61, here=1), there=300)
    renamed = Seen({name.replace("eu", "default"): sighting for name, sighting in known.groups.items()}, known.now)
    assert left(a_report(), renamed) == set()


def test_T4_a_cluster_that_is_back_owes_its_word_again() -> None:
    """Seen to fail with the way it went kept."""
    report = a_report(TargetState.READY, here=SETTLED)
    assert state_of(report, with_left(seen(after=90, here=1), there=30)) is EventState.READY
    assert state_of(report, seen(after=90, here=1, there=1)) is EventState.ROLLING


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (a_report(dry_run=True), EventState.ACCEPTED),
        (a_report(TargetState.WOULD_RESTART, dry_run=True, here=MATCHED), EventState.ACCEPTED),
        (a_report(TargetState.WOULD_RESTART, TargetState.SKIPPED, dry_run=True, here=SETTLED), EventState.DONE),
        (a_report(dry_run=True, here=SETTLED), EventState.DONE),
        (a_report(dry_run=True, here=FAILED), EventState.FAILED),
        (a_report(dry_run=True, here=EXPIRED), EventState.EXPIRED),
    ],
)
def test_a_dry_run_is_done_when_every_cluster_has_looked(report: Report, state: EventState) -> None:
    assert state_of(report, seen(here=1)) is state


def test_a_dry_run_does_not_wait_for_ever_for_a_silent_cluster() -> None:
    assert state_of(a_report(dry_run=True, here=SETTLED), seen(after=3601, here=1, there=3601)) is EventState.EXPIRED


@pytest.mark.parametrize("ended", [EventState.EXPIRED, EventState.FAILED, EventState.READY])
def test_T1_a_final_state_that_krt_web_has_answered_stays(ended: EventState) -> None:
    """A cluster that comes back may still bring its restarts about. Seen to fail with that state passed over."""
    report = a_report(TargetState.PROGRESSING, here=MATCHED)
    assert state_of(replace(report, event={**report.event, ENDED: ended}), seen(here=1)) is ended


def test_a_cluster_that_is_waited_for_and_silent_for_a_minute_is_absent() -> None:
    known = seen(here=60, there=61)
    assert [is_absent(a_report(), known, group) for group in (HERE, THERE)] == [False, True]
    assert is_absent(a_report(there=MATCHED), known, THERE)
    assert not is_absent(a_report(there=SETTLED), known, THERE)
    assert is_absent(a_report(TargetState.PROGRESSING, here=SETTLED), seen(here=61), HERE)


def test_those_counted_are_the_groups_whose_word_is_needed() -> None:
    assert counted(a_report(), seen(here=1, there=61)) == {HERE, THERE}


@pytest.mark.parametrize(
    ("report", "known", "over"),
    [
        (a_report(TargetState.READY, here=SETTLED), seen(here=1), True),
        (a_report(TargetState.FAILED, here=MATCHED), seen(here=1), True),
        (a_report(TargetState.PROGRESSING, here=SETTLED), seen(here=1), False),
        (a_report(), seen(here=1), False),
        (a_report(), seen(after=3601, here=3601), True),
        (a_report(), seen(after=3601), False),
        (a_report(TargetState.READY, here=SETTLED), seen(), True),
        (a_report(here=NO_MATCH), seen(here=1, there=1), False),
        (a_report(TargetState.FAILED, here=SETTLED, there=MATCHED), seen(here=1, there=1), False),
        (a_report(TargetState.PROGRESSING, here=SETTLED, there=SETTLED), seen(here=1, there=1), True),
    ],
)
def test_an_event_is_over_for_a_group_with_nothing_left_to_do(report: Report, known: Seen, over: bool) -> None:
    assert is_over_for(report, known, THERE) is over


@pytest.mark.parametrize("ended", [EventState.EXPIRED, EventState.FAILED, EventState.READY])
def test_an_event_whose_end_krt_web_has_answered_is_over_for_a_group_that_has_not_begun(ended: EventState) -> None:
    report = replace(a_report(TargetState.PROGRESSING, here=MATCHED), event={ENDED: ended})
    assert is_over_for(report, seen(here=1), THERE)
    assert not is_over_for(report, seen(here=1), HERE)
