import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.client import answers
from krt.client.claims import Claims
from krt.client.outcome import Lost, NotYet, Refused
from krt.client.report import ReceivedReport
from krt.client.transport import Answer
from krt.core.report.report import GroupState
from krt.core.report.target import TABLE, TargetState
from tests.client.reports import a_cluster, a_document, a_target

CLAIMS = Claims(repository="acme/shop")


def read(body: bytes, status: int = 200, *, location: str = "", wait_seconds: float = 0) -> object:
    url = "https://krt.example.com/events/1-0?wait=25"
    return answers.read_report(Answer(url, status, location, wait_seconds, body), CLAIMS)


def a_report(state: str, *targets: dict[str, object], **changes: object) -> ReceivedReport:
    return msgspec.convert(a_document(state, *targets, **changes), ReceivedReport)


@pytest.mark.parametrize("state", ["ready", "failed", "no_match", "expired", "done"])
def test_these_states_are_the_last(state: str) -> None:
    assert a_report(state).is_final


@pytest.mark.parametrize("state", ["accepted", "rolling", "", "READY", "paused", "rolled_back"])
def test_any_other_state_is_not_the_last(state: str) -> None:
    assert not a_report(state).is_final


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("state", ["ready", "failed", "rolling", "waiting", "paused", "rolled_back", ""])
def test_what_krt_web_says_is_final_is_whatever_the_state(state: str, final: bool) -> None:
    """A newer one knows other states. Seen to fail with the states that are known here alone."""
    report = a_report(
        state, a_target(state=state, final=final), clusters=[a_cluster(state=state, final=final)], final=final
    )
    assert report.is_final == report.targets[0].is_settled == report.clusters[0].is_settled == final


@pytest.mark.parametrize("state", TargetState)
def test_of_an_older_krt_web_a_target_is_as_final_as_the_table_has_it(state: TargetState) -> None:
    assert a_report("rolling", a_target(state=state)).targets[0].is_settled == TABLE[state].final


@pytest.mark.parametrize("state", GroupState)
def test_of_an_older_krt_web_a_cluster_is_settled_when_its_workers_have_nothing_to_do(state: GroupState) -> None:
    is_settled = a_report("rolling", clusters=[a_cluster(state=state)]).clusters[0].is_settled
    assert is_settled == (state not in (GroupState.WAITING, GroupState.MATCHED))


@pytest.mark.parametrize("final", [None, True])
def test_json_says_null_where_krt_web_says_nothing(final: bool | None) -> None:
    report = msgspec.to_builtins(a_report("ready", a_target(), final=final))
    assert (report["targets"][0]["reason"], report["clusters"][0]["more"], report["final"]) == (None, None, final)


def test_what_a_newer_krt_web_adds_is_passed_over() -> None:
    document = a_document("ready", a_target(state="ready", surge=2, pods=[{}]), more={"ready": 7}, links=None)
    document["clusters"] = [a_cluster(region="eu")]
    document["by"]["actor"] = "eve"
    report = read(json.dumps(document).encode())
    assert isinstance(report, ReceivedReport)
    assert report.targets[0].name == "web"


@pytest.mark.parametrize(
    "document",
    [
        {"id": "1-0", "state": "accepted"},
        {"id": "1-0", "state": "ready", "by": None, "targets": [{}], "clusters": [{}]},
        {"id": "1-0", "state": "ready", "targets": [{"updated": None, "desired": None, "seconds": None}]},
    ],
)
def test_what_is_left_out_is_no_error(document: dict[str, object]) -> None:
    assert isinstance(read(json.dumps(document).encode()), ReceivedReport)


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"{}", b"[]", b"null", b'{"id": "1-0"}', b'{"state": "ready"}', b"<html>", b"[" * 90_000]
)
def test_a_200_without_a_report_is_asked_again(body: bytes) -> None:
    assert read(body) == NotYet("krt web answered without a report")


@given(st.binary(max_size=200))
def test_any_body_is_a_report_or_asked_again(body: bytes) -> None:
    assert isinstance(read(body), ReceivedReport | NotYet)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_when_the_answer_says(status: int) -> None:
    not_yet = read(b"", status, wait_seconds=7)
    assert isinstance(not_yet, NotYet)
    assert (not_yet.wait_seconds, not_yet.not_taken, bool(not_yet.causes)) == (7, False, True)
    assert not_yet.problem == f"https://krt.example.com/events/1-0?wait=25 answered {status}"


def test_a_401_brings_the_claims_of_the_token_that_was_sent() -> None:
    refused = read(b"", 401)
    assert isinstance(refused, Refused)
    assert refused.claims == CLAIMS


@pytest.mark.parametrize("status", [400, 403, 405])
def test_a_refusal_says_what_krt_web_says(status: int) -> None:
    assert read(b'{"detail": "not this one"}', status) == Refused(
        f"krt web refused to show the report ({status}): not this one", status
    )


@pytest.mark.parametrize(
    ("status", "location", "words"),
    [
        (404, "", "krt web keeps no report"),
        (302, "/login", "krt sends no token to another URL"),
        (204, "", "is krt web"),
    ],
)
def test_where_no_report_is_nothing_can_be_followed(status: int, location: str, words: str) -> None:
    lost = read(b"", status, location=location)
    assert isinstance(lost, Lost)
    assert words in lost.sentence


@pytest.mark.parametrize("state", ["ready", "failed", "skipped", "would_restart"])
def test_a_silent_cluster_alone_keeps_the_event_from_its_end(state: str) -> None:
    clusters = [a_cluster(), a_cluster("prod", "absent")]
    assert a_report("rolling", a_target(state=state), clusters=clusters).waits_for_absent_only


def test_the_targets_of_a_silent_cluster_are_not_waited_for() -> None:
    clusters = [a_cluster(), a_cluster("prod", "absent")]
    assert a_report("rolling", a_target(cluster="prod"), clusters=clusters).waits_for_absent_only


@pytest.mark.parametrize(
    ("state", "clusters", "targets"),
    [
        ("rolling", [a_cluster()], []),
        ("rolling", [], []),
        ("rolling", [a_cluster(), a_cluster("prod", "absent")], [a_target()]),
        ("rolling", [a_cluster(), a_cluster("prod", "absent")], [a_target(state="thinking")]),
        ("rolling", [a_cluster(), a_cluster(state="absent")], [a_target()]),
        ("rolling", [a_cluster(state="waiting"), a_cluster("prod", "absent")], []),
        ("rolling", [a_cluster(state="matched"), a_cluster("prod", "absent")], []),
        ("rolling", [a_cluster(state="thinking"), a_cluster("prod", "absent")], []),
        ("failed", [a_cluster(), a_cluster("prod", "absent")], []),
    ],
)
def test_as_long_as_anything_else_is_open_a_silent_cluster_is_waited_for(
    state: str, clusters: list[dict[str, object]], targets: list[dict[str, object]]
) -> None:
    assert not a_report(state, *targets, clusters=clusters).waits_for_absent_only
