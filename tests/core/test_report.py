import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.envelope import to_fields
from krt.core.event_id import EventId
from krt.core.report import (
    FINAL,
    EventState,
    Group,
    GroupState,
    Report,
    Seen,
    Target,
    TargetState,
    absent,
    document,
    group_field,
    parse,
    parse_group,
    state_of,
    target_field,
)
from krt.core.workload import WorkloadKey
from tests.fakes.values import an_envelope

ACCEPTED_AT = 1_795_176_000
EVENT = EventId(ACCEPTED_AT * 1000, 0)
HERE, THERE = "default:0a1b", "eu:2c3d"
WEB, API = WorkloadKey("Deployment", "shop", "web"), WorkloadKey("StatefulSet", "shop", "api")

SETTLED, NO_MATCH = Group(GroupState.SETTLED, final=True), Group(GroupState.NO_MATCH, final=True)
EXPIRED, FAILED = Group(GroupState.EXPIRED, final=True), Group(GroupState.FAILED, final=True)
MATCHED = Group(GroupState.MATCHED)

targets = st.builds(
    Target,
    st.sampled_from(TargetState),
    st.text(),
    st.lists(st.text()).map(tuple),
    *[st.integers(0, 1000)] * 3,
    st.floats(0, 1e6),
    st.integers(0, 2**53),
    st.booleans(),
)
groups = st.builds(Group, st.sampled_from(GroupState), st.text(), st.integers(0, 1000), st.booleans())


def a_target(state: TargetState) -> Target:
    return Target(state, final=state not in (TargetState.WAITING, TargetState.PROGRESSING))


def a_report(*states: TargetState, dry_run: bool = False, **said: Group) -> Report:
    """The report of an event whose targets, in this cluster, are in these states."""
    keys = (WorkloadKey("Deployment", "shop", f"web-{number}") for number in range(len(states)))
    places = {(HERE, key): a_target(state) for key, state in zip(keys, states, strict=True)}
    names = {"here": HERE, "there": THERE}
    event = to_fields(an_envelope(dry_run=dry_run))
    return Report(EVENT, event, {names[name]: group for name, group in said.items()}, places)


def seen(*, after: float = 5.0, **ago: float) -> Seen:
    """What is known so long after the event; of each cluster, how long ago it was alive."""
    now = ACCEPTED_AT + after
    names = {"here": HERE, "there": THERE}
    return Seen({names[name]: now - seconds for name, seconds in ago.items()}, now)


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (a_report(), EventState.ACCEPTED),
        (a_report(here=MATCHED), EventState.ACCEPTED),
        (a_report(TargetState.WAITING, here=MATCHED), EventState.ROLLING),
        (a_report(TargetState.WAITING, here=SETTLED), EventState.ROLLING),
        (a_report(TargetState.READY, here=MATCHED), EventState.ROLLING),
        (a_report(TargetState.PROGRESSING, TargetState.READY, here=SETTLED), EventState.ROLLING),
        (a_report(TargetState.READY, TargetState.READY, here=SETTLED), EventState.READY),
        (a_report(TargetState.RESTARTED, here=SETTLED), EventState.READY),
        (a_report(TargetState.SUPERSEDED, here=SETTLED), EventState.READY),
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
        ({"here": NO_MATCH, "there": NO_MATCH}, (), EventState.NO_MATCH),
        ({"here": SETTLED, "there": NO_MATCH}, (TargetState.READY,), EventState.READY),
        ({"here": SETTLED, "there": EXPIRED}, (TargetState.READY,), EventState.EXPIRED),
        ({"here": SETTLED, "there": FAILED}, (TargetState.READY,), EventState.FAILED),
    ],
)
def test_an_event_waits_for_every_cluster_that_is_alive(
    said: dict[str, Group], states: tuple[TargetState, ...], state: EventState
) -> None:
    assert state_of(a_report(*states, **said), seen(here=1, there=1)) is state


def test_a_cluster_that_was_gone_a_day_before_the_event_is_not_waited_for() -> None:
    day = 24 * 3600
    assert state_of(a_report(here=NO_MATCH), seen(here=1, there=day + 6)) is EventState.NO_MATCH
    assert state_of(a_report(here=NO_MATCH), seen(here=1, there=day + 4)) is EventState.ACCEPTED


def test_where_no_cluster_was_ever_seen_the_event_stays_accepted_until_it_is_too_old() -> None:
    assert state_of(a_report(), seen(after=3600)) is EventState.ACCEPTED
    assert state_of(a_report(), seen(after=3601)) is EventState.EXPIRED


def test_a_silent_cluster_ends_the_event_as_expired_at_the_age_limit() -> None:
    report = a_report(TargetState.READY, here=SETTLED)
    assert state_of(report, seen(after=3600, here=1, there=3600)) is EventState.ROLLING
    assert state_of(report, seen(after=3601, here=1, there=3601)) is EventState.EXPIRED


def test_a_rollout_that_goes_on_is_waited_for_beyond_the_age_limit() -> None:
    report = a_report(TargetState.PROGRESSING, here=SETTLED)
    assert state_of(report, seen(after=4000, here=1, there=4000)) is EventState.ROLLING


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (a_report(dry_run=True), EventState.ACCEPTED),
        (a_report(TargetState.WOULD_RESTART, dry_run=True, here=MATCHED), EventState.ACCEPTED),
        (a_report(TargetState.WOULD_RESTART, TargetState.SKIPPED, dry_run=True, here=SETTLED), EventState.DONE),
        (a_report(dry_run=True, here=SETTLED), EventState.DONE),
    ],
)
def test_a_dry_run_is_done_when_every_cluster_has_looked(report: Report, state: EventState) -> None:
    assert state_of(report, seen(here=1)) is state


def test_every_state_but_two_is_the_last() -> None:
    assert set(EventState) - FINAL == {EventState.ACCEPTED, EventState.ROLLING}


def test_a_cluster_that_is_waited_for_and_silent_for_a_minute_is_absent() -> None:
    assert absent(a_report(), seen(here=60, there=61)) == (THERE,)
    assert absent(a_report(there=MATCHED), seen(there=61)) == (THERE,)
    assert absent(a_report(there=SETTLED), seen(there=61)) == ()
    assert absent(a_report(here=MATCHED), seen()) == (HERE,)


def test_the_document_says_what_there_is_to_say() -> None:
    web = Target(TargetState.READY, "", ("zero replicas",), 3, 3, 3, 12.4, 1000, final=True)
    api = Target(TargetState.FAILED, "timed out", updated=1, desired=2, final=True)
    report = replace(
        a_report(here=Group(GroupState.SETTLED, more=7, final=True), there=MATCHED),
        targets={(THERE, API): api, (HERE, WEB): web},
    )
    assert document(report, seen(here=1, there=61.5)) == {
        "id": "1795176000000-0",
        "state": "failed",
        "image": "ghcr.io/acme/shop",
        "tags": ["dev"],
        "accepted_at": "2026-11-20T12:00:00.000Z",
        "by": {
            "repository": "acme/shop",
            "run": "https://github.com/acme/shop/actions/runs/1959414638/attempts/1",
        },
        "clusters": [
            {"name": "default", "state": "settled", "more": 7, "seen_at": "2026-11-20T12:00:04.000Z"},
            {"name": "eu", "state": "absent", "seen_at": "2026-11-20T11:59:03.500Z"},
        ],
        "targets": [
            {
                "cluster": "default",
                "kind": "Deployment",
                "namespace": "shop",
                "name": "web",
                "state": "ready",
                "updated": 3,
                "available": 3,
                "desired": 3,
                "seconds": 12.4,
                "warnings": ["zero replicas"],
            },
            {
                "cluster": "eu",
                "kind": "StatefulSet",
                "namespace": "shop",
                "name": "api",
                "state": "failed",
                "updated": 1,
                "available": 0,
                "desired": 2,
                "seconds": 0.0,
                "warnings": [],
                "reason": "timed out",
            },
        ],
    }


def test_a_cluster_tells_its_reason_and_one_that_has_said_nothing_is_waited_for() -> None:
    refused = Group(GroupState.FAILED, "the worker's policy admits no such image", final=True)
    clusters = document(a_report(here=refused), Seen({THERE: ACCEPTED_AT}, ACCEPTED_AT))["clusters"]
    assert [(one["name"], one["state"], one.get("reason")) for one in clusters] == [
        ("default", "failed", "the worker's policy admits no such image"),
        ("eu", "waiting", None),
    ]


def test_the_document_of_an_event_from_the_channel_names_nobody() -> None:
    fields = {"schema": "1", "image": "shop", "tags": '["dev"]', "request_id": "r-1"}
    found = document(Report(EVENT, fields), seen())
    assert found["by"] == {"repository": "", "run": ""}
    assert document(Report(EVENT, {}), seen())["tags"] == []


@given(groups, targets)
def test_a_report_comes_back_from_its_fields(group: Group, target: Target) -> None:
    event = to_fields(an_envelope())
    fields = {**event, group_field(HERE): group.to_json(), target_field(HERE, WEB): target.to_json()}
    assert parse(EVENT, fields) == Report(EVENT, event, {HERE: group}, {(HERE, WEB): target})
    assert parse_group(group.to_json()) == group


@given(st.lists(targets, max_size=4), st.none() | groups, st.floats(0, 1e6))
def test_of_every_report_a_document_can_be_made(found: list[Target], group: Group | None, after: float) -> None:
    keys = (WorkloadKey("Deployment", "shop", f"web-{number}") for number in range(len(found)))
    report = replace(
        a_report(**({"here": group} if group else {})),
        targets={(HERE, key): target for key, target in zip(keys, found, strict=True)},
    )
    made = document(report, seen(after=after, here=1))
    assert json.loads(json.dumps(made)) == made
    assert made["state"] in set(EventState)
