from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.announce.event_id import EventId
from krt.core.envelope import to_fields
from krt.core.report.report import ENDED, FINAL, EventState, Group, GroupState, Report
from krt.core.report.report_fields import (
    ODD_GROUP,
    ODD_TARGET,
    group_field,
    parse,
    parse_group,
    parse_target,
    target_field,
    to_json,
    to_json_list,
    warnings_field,
)
from krt.core.report.target import Target, TargetState
from tests.core.odd_fields import ODD
from tests.fakes.keys import a_key
from tests.fakes.values import an_envelope

EVENT = EventId(1_795_176_000_123, 0)
HERE = "default:0a1b"
WEB = a_key("Deployment", "shop", "web")
GROUP_FIELD, TARGET_FIELD = group_field(HERE), target_field(HERE, WEB)

targets = st.builds(
    Target,
    state=st.sampled_from(TargetState),
    reason=st.text(),
    warnings=st.lists(st.text(), unique=True).map(tuple),
    updated=st.integers(0, 1000),
    available=st.integers(0, 1000),
    desired=st.integers(0, 1000),
    seconds=st.floats(0, 1e6),
    uid=st.text(),
    version=st.integers(0, 2**53),
)
groups = st.builds(Group, st.sampled_from(GroupState), st.text(), st.integers(0, 1000), st.booleans())


@given(groups, targets)
def test_a_report_comes_back_from_its_fields(group: Group, target: Target) -> None:
    event = to_fields(an_envelope())
    fields = {**event, GROUP_FIELD: to_json(group), TARGET_FIELD: to_json(target)}
    assert parse(EVENT, fields) == Report(EVENT, event, {HERE: group}, {(HERE, WEB): target})


@pytest.mark.parametrize("text", ['{"state":"ready"}', '{"state":"failed"}', '{"state":"waiting","final":true}'])
def test_a_target_that_is_final_by_one_word_and_not_by_another_cannot_be_read(text: str) -> None:
    """The scripts in Valkey go by `final`, krt by the state. Seen to fail with the state alone believed."""
    assert parse(EVENT, {TARGET_FIELD: text}).targets == {(HERE, WEB): ODD_TARGET}


@pytest.mark.parametrize("text", ODD)
def test_a_field_that_cannot_be_read_is_something_still_to_come_and_breaks_no_report(text: str) -> None:
    found = parse(EVENT, {GROUP_FIELD: text, TARGET_FIELD: text, warnings_field(HERE, WEB): text})
    assert found.targets == {(HERE, WEB): ODD_TARGET}
    assert found.groups[HERE] in (ODD_GROUP, Group(GroupState.FAILED))
    assert not found.groups[HERE].final


@pytest.mark.parametrize("name", ["target/", "target/a/b", "target/a/b/c/d/e", "warnings/a", "other/a/b/c/d", "/"])
def test_a_field_of_no_known_name_is_passed_over(name: str) -> None:
    assert parse(EVENT, {name: "{}"}) == Report(EVENT, {})


@given(st.dictionaries(st.text(), st.text()))
def test_every_hash_is_a_report(fields: dict[str, str]) -> None:
    assert parse(EVENT, fields).id == EVENT


def test_what_a_newer_krt_says_besides_is_passed_over() -> None:
    assert parse_target('{"state":"ready","final":true,"mood":"good"}') == Target(TargetState.READY)
    assert parse_group('{"state":"matched","mood":["good"]}') == Group(GroupState.MATCHED)


def test_what_was_odd_when_the_workload_was_matched_stays_however_its_rollout_goes_on() -> None:
    said = Target(TargetState.READY, warnings=("zero replicas", "pull policy"))
    fields = {TARGET_FIELD: to_json(said), warnings_field(HERE, WEB): to_json_list(["pull policy", "odd"])}
    [found] = parse(EVENT, fields).targets.values()
    assert found.warnings == ("pull policy", "odd", "zero replicas")


def test_every_state_but_two_is_the_last() -> None:
    assert set(EventState) - FINAL == {EventState.ACCEPTED, EventState.ROLLING}


@pytest.mark.parametrize("state", [*EventState, "", "another"])
def test_the_final_state_that_krt_web_has_answered_is_that_of_the_report(state: str) -> None:
    assert Report(EVENT, {ENDED: state}).ended == (state if state in FINAL else None)
    assert Report(EVENT, {}).ended is None


def test_when_it_was_accepted_its_id_says() -> None:
    assert Report(EVENT, {}).accepted_at == 1_795_176_000.123


def test_the_targets_of_some_groups_are_theirs_alone() -> None:
    ready, failed = Target(TargetState.READY), Target(TargetState.FAILED)
    report = replace(Report(EVENT, {}), targets={(HERE, WEB): ready, ("eu:1", WEB): failed})
    assert report.targets_of([HERE]) == [ready]
    assert report.targets_of([HERE, "eu:1"]) == [ready, failed]
    assert report.targets_of([]) == []
