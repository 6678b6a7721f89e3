"""The table of a target's states: what must be true of it, whatever it holds."""

import pytest

from krt.core.report.target import FINAL_TARGETS, ROLLING, TABLE, URGENCY, Target, TargetState

STATES = list(TargetState)


def test_every_state_has_a_rule_and_a_place_in_the_order() -> None:
    assert set(TABLE) == set(TargetState)
    assert sorted(URGENCY.values()) == list(range(len(STATES)))


@pytest.mark.parametrize("state", STATES)
def test_a_state_that_is_not_final_can_be_written_over_and_a_final_one_only_by_what_begins_anew(
    state: TargetState,
) -> None:
    following = TABLE[state].may_become
    if TABLE[state].final:
        assert all(not TABLE[one].final for one in following)
    else:
        assert following == set(TargetState)


@pytest.mark.parametrize("state", STATES)
def test_every_state_comes_to_an_end(state: TargetState) -> None:
    reached = {state}
    for _ in STATES:
        reached |= {following for one in reached for following in TABLE[one].may_become}
    assert any(TABLE[one].final for one in reached)


@pytest.mark.parametrize("state", STATES)
def test_only_what_has_ended_and_not_failed_is_left_to_a_number(state: TargetState) -> None:
    rule = TABLE[state]
    assert rule.is_folded == (rule.final and state is not TargetState.FAILED)
    assert rule.final or not rule.is_success


def test_failed_states_are_listed_first_and_unfinished_ones_next() -> None:
    order = [state for state in STATES if not TABLE[state].final]
    assert URGENCY["failed"] < min(URGENCY[state] for state in order)
    assert max(URGENCY[state] for state in order) < min(URGENCY[one] for one in ("ready", "would_restart", "skipped"))
    assert URGENCY["skipped"] == max(URGENCY.values())


@pytest.mark.parametrize("state", STATES)
def test_a_target_is_as_final_as_its_state(state: TargetState) -> None:
    assert Target(state).final == (state in FINAL_TARGETS)
    assert [one for one in STATES if Target(state).may_become(one)] == [
        one for one in STATES if one in TABLE[state].may_become
    ]


def test_an_event_rolls_where_a_restart_was_made_or_will_be() -> None:
    assert {TargetState.WAITING, TargetState.PROGRESSING, TargetState.READY} == ROLLING
