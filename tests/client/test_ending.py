import msgspec
import pytest

from krt.client import ending, exits
from krt.client.ending import MOST_ANNOTATIONS, NO_WORKER, Ending
from krt.client.outcome import Followed, Lost, Unfinished
from krt.client.report import ReceivedReport
from krt.core.announce import event
from krt.core.restart.matching import GOING, SkipReason, Warning  # noqa: A004
from tests.client.reports import a_cluster, a_document, a_target

EVENT = event.build("ghcr.io/acme/shop", ["dev", "v1"])


def a_report(state: str, *targets: dict[str, object], **changes: object) -> ReceivedReport:
    return msgspec.convert(a_document(state, *targets, **changes), ReceivedReport)


def followed(state: str, *targets: dict[str, object], allow_no_match: bool = False, **changes: object) -> Ending:
    return ending.of(Followed(a_report(state, *targets, **changes)), EVENT, allow_no_match=allow_no_match)


def unfinished(report: ReceivedReport | None, problem: str = "") -> Ending:
    return ending.of(Unfinished(900, report, problem), EVENT, allow_no_match=True)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("ready", exits.DONE),
        ("done", exits.DONE),
        ("failed", exits.FAILED),
        ("no_match", exits.FAILED),
        ("expired", exits.FAILED),
    ],
)
def test_each_last_state_has_its_code(state: str, code: int) -> None:
    assert followed(state).code == code


@pytest.mark.parametrize("state", ["paused", "rolled_back", "superseded", "READY", "cancelled"])
def test_an_end_that_only_a_newer_krt_web_knows_is_named_and_is_a_failure(state: str) -> None:
    """Seen to fail if it was reported as a cluster without a worker."""
    its = followed(state, a_target("a", "failed", reason="no"), final=True)
    assert (its.code, its.sentence) == (exits.FAILED, f"the event ended as {state}: 1 failed")
    assert its.reasons == ("Deployment shop/a: failed: no",)


def test_a_ready_rollout_is_counted() -> None:
    its = followed("ready", a_target("c", "skipped"), a_target("a", "ready"), a_target("b", "ready"))
    assert its.sentence == "the rollout is ready: 2 ready, 1 skipped"
    assert (its.reasons, its.warnings) == ((), ())


def test_targets_that_are_not_listed_are_counted_too() -> None:
    its = followed("ready", a_target("a", "ready"), clusters=[a_cluster(more=40), a_cluster("prod", more=2)])
    assert its.sentence == "the rollout is ready: 1 ready, 42 more"


def test_what_is_warned_of_is_for_a_person_to_look_at() -> None:
    its = followed(
        "ready",
        a_target("a", "ready", seconds=None, warnings=["zero replicas"]),
        a_target("b", "skipped", cluster="prod", warnings=["zero replicas"]),
        a_target("c", "ready"),
    )
    assert its.code == exits.DONE
    assert its.warnings == (
        "Deployment shop/a: ready; warning: zero replicas",
        "Deployment shop/b in cluster prod: skipped; warning: zero replicas",
    )


@pytest.mark.parametrize("reason", [*SkipReason, "it was deleted", "a reason of a newer krt web"])
def test_a_workload_that_nobody_chose_to_skip_is_for_a_person_to_look_at(reason: str) -> None:
    """A warning of each run that nobody can end would hide the others."""
    its = followed("ready", a_target("a", "ready"), a_target("b", "skipped", reason=reason))
    unexpected = reason in GOING or reason not in [*SkipReason]
    assert its.warnings == ((f"Deployment shop/b: skipped: {reason}",) if unexpected else ())


@pytest.mark.parametrize("warning", [*Warning])
def test_a_dry_run_says_of_each_workload_how_its_rollout_would_end(warning: Warning) -> None:
    its = followed("done", a_target("a", "would_restart", warnings=[warning]), a_target("b", "would_restart"))
    assert its.sentence == "the dry-run is done: 2 would_restart"
    assert (its.code, its.warnings) == (exits.DONE, (f"Deployment shop/a: would_restart; warning: {warning}",))


def test_a_failed_rollout_names_each_failed_target_and_why() -> None:
    its = followed(
        "failed",
        a_target("a", "failed", reason="progress deadline exceeded", warnings=["IfNotPresent"]),
        a_target("b", "ready"),
        clusters=[a_cluster(state="failed", reason="internal")],
    )
    assert its.sentence == "the rollout failed: 1 failed, 1 ready"
    assert its.reasons == (
        "Deployment shop/a: failed: progress deadline exceeded; warning: IfNotPresent",
        "cluster default: failed: internal",
    )


def test_no_match_says_what_nothing_runs() -> None:
    assert followed("no_match").sentence == (
        "nothing was restarted: no workload runs ghcr.io/acme/shop with tag dev or v1"
    )


def test_no_match_gives_the_reasons_of_what_was_skipped() -> None:
    its = followed("no_match", a_target("a", "skipped", reason="pinned by digest"))
    assert its.sentence == "nothing was restarted for ghcr.io/acme/shop with tag dev or v1: 1 skipped"
    assert its.reasons == ("Deployment shop/a: skipped: pinned by digest",)


def test_no_match_may_be_allowed_and_is_a_warning_then() -> None:
    its = followed("no_match", a_target("a", "skipped", reason="opted out"), allow_no_match=True)
    assert (its.code, its.is_empty) == (exits.DONE, True)
    assert its.reasons == ()
    assert its.warnings == ("Deployment shop/a: skipped: opted out",)


@pytest.mark.parametrize("state", ["failed", "expired"])
def test_nothing_else_is_allowed_by_that(state: str) -> None:
    assert followed(state, allow_no_match=True).code == exits.FAILED


def test_an_event_that_no_cluster_heard_of_expired_for_want_of_a_worker() -> None:
    assert followed("expired", clusters=[]).reasons == (NO_WORKER,)


def test_an_expired_event_names_what_was_not_reached() -> None:
    its = followed("expired", a_target("a", "waiting"), clusters=[a_cluster("prod", "absent")])
    assert its.reasons == (
        "cluster prod: absent since 2026-11-21T12:00:00.000Z",
        "Deployment shop/a: waiting",
    )


def test_a_silent_cluster_is_named_with_what_to_do() -> None:
    clusters = [a_cluster(), a_cluster("prod", "absent")]
    its = followed("rolling", a_target("a", "ready"), clusters=clusters)
    assert its.code == exits.FAILED
    assert its.sentence.startswith("no krt worker of prod is there any more: 1 ready; ")
    assert "krt cluster forget" in its.sentence
    assert its.reasons == ("cluster prod: absent since 2026-11-21T12:00:00.000Z",)


def test_a_rollout_that_takes_too_long_names_what_is_open() -> None:
    its = unfinished(a_report("rolling", a_target("a"), a_target("b", "ready"), a_target("c", "dancing")))
    assert its.code == exits.FAILED
    assert its.sentence == "not finished within 900 s: event rolling, 1 progressing, 1 ready, 1 dancing"
    assert its.reasons == (
        "Deployment shop/a: progressing, 1 of 3 updated, 1 available",
        "Deployment shop/c: dancing",
    )


def test_where_no_cluster_ever_reported_no_worker_reads_the_channel() -> None:
    its = unfinished(a_report("accepted", clusters=[]))
    assert its.code == exits.FAILED
    assert its.reasons == (NO_WORKER,)


def test_a_report_that_never_came_says_what_stood_in_its_way() -> None:
    its = unfinished(None, "krt web answered 503")
    assert its == Ending(
        exits.FAILED,
        "accepted, but not finished within 900 s, and its report could not be read; krt web answered 503",
    )


def test_what_cannot_be_followed_is_no_success() -> None:
    its = ending.of(Lost("this server keeps no reports"), EVENT, allow_no_match=True)
    assert its.code == exits.FAILED
    assert its.sentence == "accepted, but its rollout cannot be followed: this server keeps no reports"


def test_no_more_reasons_are_given_than_github_shows() -> None:
    its = followed("failed", *(a_target(f"web-{number}", "failed") for number in range(1000)))
    assert len(its.reasons) == MOST_ANNOTATIONS
    assert its.reasons[-1] == f"and {1000 - MOST_ANNOTATIONS + 1} more"


LEFT = a_cluster("prod", "left", reason="its last worker was stopped")
SAYS_LEFT = "cluster prod: left since 2026-11-21T12:00:00.000Z: its last worker was stopped"


@pytest.mark.parametrize(
    ("state", "allow_no_match", "code"),
    [
        ("ready", False, exits.DONE),
        ("done", False, exits.DONE),
        ("no_match", True, exits.DONE),
        ("no_match", False, exits.FAILED),
        ("failed", False, exits.FAILED),
    ],
)
def test_a_cluster_that_has_left_fails_nothing_and_is_always_said(state: str, allow_no_match: bool, code: int) -> None:
    its = followed(state, a_target("a", state), allow_no_match=allow_no_match, clusters=[a_cluster(), LEFT])
    assert (its.code, its.warnings[0]) == (code, SAYS_LEFT)


def test_where_every_cluster_has_left_the_wait_ends_and_says_it_once() -> None:
    report = a_report("accepted", clusters=[LEFT])
    assert report.waits_for_absent_only
    its = ending.of(Followed(report), EVENT, allow_no_match=False)
    assert its.code == exits.FAILED
    assert its.sentence.startswith("no krt worker of prod is there any more: no workload yet; ")
    assert (its.reasons, its.warnings) == ((SAYS_LEFT,), ())


def test_one_that_is_there_and_busy_is_waited_for_beside_one_that_has_left() -> None:
    assert not a_report("accepted", clusters=[a_cluster(state="waiting"), LEFT]).waits_for_absent_only
