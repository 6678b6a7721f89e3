from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replace_parts

from krt.core.announce.event_id import EventId
from krt.core.envelope import to_fields
from krt.core.kube.object_key import ObjectKey
from krt.core.report import document as building
from krt.core.report.presence import Seen
from krt.core.report.report import FINAL, MOST_TARGETS, EventState, Group, GroupState, Report
from krt.core.report.report_document import Document
from krt.core.report.report_fields import parse
from krt.core.report.target import Target, TargetState
from tests.fakes.keys import a_key
from tests.fakes.values import a_sighting, an_envelope

ACCEPTED_AT = 1_795_176_000
EVENT = EventId(ACCEPTED_AT * 1000, 0)
HERE, ALSO_HERE, THERE = "default:0a1b", "default:9f9f", "eu:2c3d"
WEB, API = a_key("Deployment", "shop", "web"), a_key("StatefulSet", "shop", "api")
SETTLED = Group(GroupState.SETTLED, final=True)


def document(report: Report, seen: Seen) -> dict[str, Any]:
    """As it goes over the wire."""
    sent: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(building.document(report, seen)))
    return sent


def a_report(groups: dict[str, Group], targets: dict[tuple[str, ObjectKey], Target]) -> Report:
    return Report(EVENT, to_fields(an_envelope()), groups, targets)


def seen(after: float = 5.0, **last: float) -> Seen:
    """So long after the event; when each group was seen."""
    names = {"here": HERE, "also": ALSO_HERE, "there": THERE}
    return Seen({names[name]: a_sighting(at) for name, at in last.items()}, ACCEPTED_AT + after)


@pytest.mark.parametrize("count", [MOST_TARGETS, MOST_TARGETS + 1, MOST_TARGETS + 5, 2 * MOST_TARGETS, 7000])
def test_T1_of_more_than_a_thousand_targets_the_failed_and_the_unfinished_are_listed(count: int) -> None:
    """The others are counted. Seen to fail with the first thousand listed, by name."""
    ready = Target(TargetState.READY)
    telling = {
        a_key("Deployment", "shop", "zz-1"): Target(TargetState.FAILED, "no"),
        a_key("Deployment", "shop", "zz-2"): Target(TargetState.PROGRESSING),
        a_key("Deployment", "shop", "zz-3"): Target(TargetState.WAITING),
    }
    good = {a_key("Deployment", "shop", f"web-{number}"): ready for number in range(count - len(telling))}
    targets = {(HERE, key): target for key, target in (good | telling).items()}
    report = a_report({HERE: Group(GroupState.SETTLED, workloads=count + 10, final=True)}, targets)
    shown = document(report, seen(here=ACCEPTED_AT + 4))
    assert len(shown["targets"]) == MOST_TARGETS
    assert [target["name"] for target in shown["targets"] if target["state"] != "ready"] == ["zz-1", "zz-2", "zz-3"]
    assert shown["clusters"][0]["more"] == count + 10 - MOST_TARGETS


def test_T4_a_cluster_that_had_left_is_named_beside_those_that_are_waited_for() -> None:
    """Seen to fail with only those listed that are waited for: a silent success."""
    report = a_report({HERE: SETTLED}, {(HERE, WEB): Target(TargetState.READY)})
    known = Seen(
        {HERE: a_sighting(ACCEPTED_AT + 90), THERE: a_sighting(ACCEPTED_AT - 600, left=True)}, ACCEPTED_AT + 90
    )
    shown = document(report, known)
    assert shown["state"] == "ready"
    assert [(one["name"], one["state"]) for one in shown["clusters"]] == [("default", "settled"), ("eu", "left")]
    assert shown["clusters"][1] == {
        "name": "eu",
        "state": "left",
        "reason": "its last worker was stopped before the event: nothing is restarted there until one is back",
        "seen_at": "2026-11-20T11:50:00.000Z",
        "final": False,
    }


def test_the_document_says_what_there_is_to_say() -> None:
    web = Target(TargetState.READY, "", ("zero replicas",), 3, 3, 3, 12.4, "uid", 1000)
    api = Target(TargetState.FAILED, "timed out", updated=1, desired=2)
    said = {HERE: Group(GroupState.SETTLED, workloads=1008, final=True), THERE: Group(GroupState.MATCHED)}
    report = a_report(said, {(THERE, API): api, (HERE, WEB): web})
    assert document(report, seen(here=ACCEPTED_AT + 4, there=ACCEPTED_AT - 56.5)) == {
        "id": "1795176000000-0",
        "state": "failed",
        "image": "ghcr.io/acme/shop",
        "tags": ["dev"],
        "accepted_at": "2026-11-20T12:00:00.000Z",
        "by": {
            "repository": "acme/shop",
            "run": "https://github.com/acme/shop/actions/runs/1959414638/attempts/1",
            "ref": "refs/heads/main",
            "sha": "796a6cfb48152b077701fced55d480bf1d90e1e2",
            "actor": "octocat",
        },
        "clusters": [
            {"name": "default", "state": "settled", "more": 1007, "seen_at": "2026-11-20T12:00:04.000Z", "final": True},
            {"name": "eu", "state": "absent", "seen_at": "2026-11-20T11:59:03.500Z", "final": False},
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
                "final": True,
                "action": "restart",
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
                "final": True,
                "action": "restart",
            },
        ],
        "final": True,
    }


def test_a_cluster_tells_its_reason_and_one_that_has_said_nothing_is_waited_for() -> None:
    refused = Group(GroupState.FAILED, "the worker's policy admits no such image", final=True)
    clusters = document(a_report({HERE: refused}, {}), seen(here=ACCEPTED_AT, there=ACCEPTED_AT))["clusters"]
    assert [(one["name"], one["state"], one.get("reason")) for one in clusters] == [
        ("default", "failed", "the worker's policy admits no such image"),
        ("eu", "waiting", None),
    ]


def test_a_cluster_that_is_not_waited_for_is_not_listed_and_its_workloads_are() -> None:
    report = a_report({HERE: SETTLED, THERE: SETTLED}, {(THERE, WEB): Target(TargetState.FAILED)})
    found = document(report, seen(here=ACCEPTED_AT))
    assert [one["name"] for one in found["clusters"]] == ["default"]
    assert [(one["cluster"], one["state"]) for one in found["targets"]] == [("eu", "failed")]
    assert found["state"] == "no_match"


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        (TargetState.SKIPPED, TargetState.READY, "ready"),
        (TargetState.READY, TargetState.PROGRESSING, "progressing"),
        (TargetState.PROGRESSING, TargetState.FAILED, "failed"),
        (TargetState.SKIPPED, TargetState.WOULD_RESTART, "would_restart"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_workload_that_two_scopes_of_a_cluster_see_is_listed_once(
    one: TargetState, other: TargetState, shown: str, turned: bool
) -> None:
    first, second = (other, one) if turned else (one, other)
    report = a_report(
        {HERE: SETTLED, ALSO_HERE: SETTLED}, {(HERE, WEB): Target(first), (ALSO_HERE, WEB): Target(second)}
    )
    known = seen(here=ACCEPTED_AT, also=ACCEPTED_AT)
    assert [target["state"] for target in document(report, known)["targets"]] == [shown]


def test_of_two_scopes_the_one_that_is_waited_for_has_the_word() -> None:
    """A worker started with other settings: what the old one left open nobody will close."""
    old, new = Target(TargetState.PROGRESSING), Target(TargetState.READY)
    report = a_report({HERE: SETTLED, ALSO_HERE: SETTLED}, {(HERE, WEB): old, (ALSO_HERE, WEB): new})
    found = document(report, seen(100.0, here=ACCEPTED_AT + 30, also=ACCEPTED_AT + 100))
    assert (found["state"], [target["state"] for target in found["targets"]]) == ("ready", ["ready"])


def test_the_document_of_an_event_from_the_channel_names_nobody() -> None:
    fields = {"schema": "1", "image": "shop", "tags": '["dev"]', "request_id": "r-1"}
    assert document(Report(EVENT, fields), seen())["by"] == {"repository": "", "run": ""}


def test_the_document_of_a_dry_run_says_so_from_the_first() -> None:
    fields = to_fields(an_envelope(dry_run=True))
    found = document(Report(EVENT, fields), seen())
    assert (found["state"], found["dry_run"]) == ("accepted", True)


@pytest.mark.parametrize(
    ("tags", "shown"),
    [(None, []), ("", []), ("{", []), ("{}", []), ("[1]", ["1"]), ('["\\ud800"]', ["?"]), ("[" * 10_000, [])],
)
def test_odd_tags_break_no_document(tags: str | None, shown: list[str]) -> None:
    fields = {} if tags is None else {"tags": tags}
    assert document(Report(EVENT, fields), seen())["tags"] == shown


def test_an_id_that_no_clock_gave_out_breaks_no_document() -> None:
    assert document(Report(EventId(2**64 - 1, 0), {}), seen())["accepted_at"] == ""


@given(
    st.dictionaries(
        st.sampled_from(
            ["group/default:0a1b", "target/default:0a1b/Deployment/shop/web", "warnings/x", "tags", "ended"]
        ),
        st.text() | st.sampled_from(['{"state":"ready","final":true}', '{"state":"matched"}', "ready", '["dev"]']),
    ),
    st.floats(0, 1e6),
)
def test_of_every_hash_a_document_can_be_made(fields: dict[str, str], after: float) -> None:
    made = building.document(replace(parse(EVENT, fields)), seen(after, here=ACCEPTED_AT))
    read = msgspec.json.decode(msgspec.json.encode(made), type=Document)
    assert replace_parts(read, clusters=(), targets=()) == replace_parts(made, clusters=(), targets=())
    assert [target.key for target in read.targets] == [target.key for target in made.targets]
    assert made.state in set(EventState)
    assert made.is_final == (made.state in FINAL)
