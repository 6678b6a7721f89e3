import json
import re
from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from krt.client.ending import NO_WORKER
from krt.client.follow import NOBODY
from krt.client.token import MARGIN_SECONDS
from tests.client.actions import EVENT_ID, REQUEST_TOKEN, Actions, Reply, a_token, gives, problem
from tests.client.reports import READY, a_cluster, a_report, a_target
from tests.client.runs import QUICK, QUICK_PACE, SHORT_SECONDS, Run, a_wait, run

ROLLING = a_report("rolling", a_target())
SILENT_CLUSTER = a_report("rolling", a_target(state="ready"), clusters=[a_cluster(), a_cluster("prod", "absent")])

SOON_BELIEVED = a_wait(pace=replace(QUICK_PACE, doubt_seconds=0.05))


def follow(actions: Actions, *reports: Reply, **changes: object) -> Run:
    actions.reports = list(reports)
    return run(actions, **{"wait": a_wait(), **changes})


def test_a_ready_rollout_ends_with_0(actions: Actions) -> None:
    ended = follow(actions, a_report("accepted", clusters=[]), ROLLING, READY)
    assert ended.code == 0
    assert ended.out == "the rollout is ready: 1 ready\n"
    assert f"krt notify: accepted: event {EVENT_ID}\n" in ended.err
    assert "Deployment shop/web: ready after 12.4 s" in ended.err


def test_the_report_is_asked_for_with_the_token_until_there_is_news(actions: Actions) -> None:
    follow(actions, ROLLING, ROLLING, READY, wait=a_wait(pace=replace(QUICK_PACE, hold_seconds=25)))
    path = f"/events/{EVENT_ID}"
    assert [look.target for look in actions.looks] == [path, f"{path}?wait=25", f"{path}?wait=25"]
    assert {look.method for look in actions.looks} == {"GET"}
    assert {look.header("authorization") for look in actions.looks} == {f"Bearer {actions.given[0]}"}
    assert len(actions.asked) == 1


def test_what_is_known_is_said_and_nothing_new_is_shown_once(actions: Actions) -> None:
    """Between two questions something may have changed: krt web holds the second only if not."""
    tagged = replace(ROLLING, headers=(*ROLLING.headers, ("ETag", 'W/"one"')))
    ended = follow(actions, tagged, Reply(304), Reply(304), READY)
    assert (ended.code, ended.out) == (0, "the rollout is ready: 1 ready\n")
    known = [[value for name, value in look.headers if name == "if-none-match"] for look in actions.looks]
    assert known == [[], ['W/"one"'], ['W/"one"'], ['W/"one"']]
    assert ended.err.count("progressing") == 1


@pytest.mark.parametrize("tag", ["one", '"a b"', '"\xe4"', '"' + "x" * 300 + '"', ""])
def test_a_tag_that_is_none_is_not_sent_back(actions: Actions, tag: str) -> None:
    ended = follow(actions, replace(ROLLING, headers=(("ETag", tag.encode("latin-1")),)), READY)
    assert ended.code == 0
    assert not [name for look in actions.looks for name, _ in look.headers if name == "if-none-match"]


def test_an_answer_not_modified_without_a_question_for_it_is_not_a_report(actions: Actions) -> None:
    assert follow(actions, Reply(304), wait=SOON_BELIEVED).code == 1


def test_a_server_below_a_path_is_asked_there(actions: Actions) -> None:
    follow(actions, READY, url=f"{actions.url}/krt/event")
    assert actions.looks[0].target == f"/krt/events/{EVENT_ID}"


def test_without_wait_nothing_is_asked(actions: Actions) -> None:
    actions.reports = [READY]
    assert run(actions).code == 0
    assert actions.looks == []


@pytest.mark.parametrize(("state", "code"), [("ready", 0), ("done", 0), ("failed", 1), ("no_match", 1), ("expired", 1)])
def test_every_ending_has_its_code_and_one_object_with_the_report(actions: Actions, state: str, code: int) -> None:
    ended = follow(actions, ROLLING, a_report(state, a_target(state="skipped", reason="paused")), as_json=True)
    assert ended.code == code
    (line,) = ended.out.splitlines()
    document = json.loads(line)
    assert (document["accepted"], document["id"], document["state"]) == (True, EVENT_ID, state)
    assert document["status"] == f"{actions.url}/events/{EVENT_ID}"
    assert document["report"]["targets"][0]["reason"] == "paused"
    assert ("error" in document) == (code == 1)


def test_no_match_may_be_allowed(actions: Actions) -> None:
    assert follow(actions, a_report("no_match"), wait=a_wait(allow_no_match=True)).code == 0


def test_a_failed_rollout_prints_its_reasons(actions: Actions) -> None:
    ended = follow(actions, a_report("failed", a_target(state="failed", reason="progress deadline exceeded")))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-2:] == [
        "krt notify: the rollout failed: 1 failed",
        "krt notify: Deployment shop/web: failed: progress deadline exceeded",
    ]


def test_on_github_reasons_are_errors_and_warnings_warnings_below_the_group(actions: Actions) -> None:
    ended = follow(
        actions,
        a_report("failed", a_target(state="failed", reason="no"), a_target("b", "skipped", warnings=["odd"])),
        github=True,
    )
    lines = ended.err.splitlines()
    assert lines[lines.index("::endgroup::") + 1 :] == [
        "::warning title=krt notify::Deployment shop/b: skipped; warning: odd",
        "::error title=krt notify::the rollout failed: 1 failed, 1 skipped",
        "::error title=krt notify::Deployment shop/web: failed: no",
    ]


def test_an_unknown_state_is_shown_and_followed(actions: Actions) -> None:
    ended = follow(actions, a_report("pondering", a_target(state="dancing")), READY)
    assert ended.code == 0
    assert "event pondering" in ended.err
    assert "Deployment shop/web: dancing" in ended.err


@pytest.mark.parametrize(
    "hiccup",
    [
        Reply(503),
        Reply(502, b"<html>"),
        Reply(429, headers=(("Retry-After", "0"),)),
        Reply(cut=0),
        replace(ROLLING, cut=-1),
        Reply(raw=b"SSH-2.0-OpenSSH_9.9\r\n"),
        Reply(200, b"<html>please log in</html>"),
        replace(ROLLING, restarts=True),
        Reply(503, restarts=True),
        Reply(404),
        Reply(401),
        problem(403, detail="not now"),
        Reply(302, headers=(("Location", "/login"),)),
    ],
)
def test_a_hiccup_is_survived(actions: Actions, hiccup: Reply) -> None:
    ended = follow(actions, ROLLING, hiccup, hiccup, READY)
    assert ended.code == 0
    assert len(actions.posts) == 1


def test_a_silent_server_is_asked_again(actions: Actions) -> None:
    pace, patience = replace(QUICK_PACE, hold_seconds=0.1), replace(QUICK, attempt_seconds=0.3)
    ended = follow(actions, Reply(silent=True), READY, wait=a_wait(pace=pace), patience=patience)
    assert ended.code == 0
    assert "127.0.0.1 did not answer within 0.4 s; trying again" in ended.err


def test_an_answer_that_is_held_is_waited_for(actions: Actions) -> None:
    patience = replace(QUICK, attempt_seconds=SHORT_SECONDS)
    pace = replace(QUICK_PACE, hold_seconds=4 * SHORT_SECONDS)
    ended = follow(actions, replace(READY, held_seconds=SHORT_SECONDS + 0.1), wait=a_wait(pace=pace), patience=patience)
    assert ended.code == 0
    assert len(actions.looks) == 1


def test_an_outage_is_noted_once(actions: Actions) -> None:
    ended = follow(actions, Reply(503), Reply(503), Reply(503), ROLLING, Reply(503), READY)
    assert ended.err.count("krt web answered 503; trying again") == 2


def test_retry_after_is_obeyed(actions: Actions) -> None:
    later = Reply(503, headers=(("Retry-After", "30"),))
    assert follow(actions, later, READY, wait=a_wait(timeout_seconds=SHORT_SECONDS)).code == 1
    assert len(actions.looks) == 1


def test_much_news_is_not_asked_for_without_pause(actions: Actions) -> None:
    pace = replace(QUICK_PACE, spacing_seconds=0.4 * SHORT_SECONDS)
    follow(actions, ROLLING, wait=a_wait(timeout_seconds=2 * SHORT_SECONDS, pace=pace))
    assert 2 <= len(actions.looks) <= 6


def test_a_token_near_its_end_is_replaced(actions: Actions) -> None:
    left_seconds = 1 + ceil(SHORT_SECONDS)
    old, new = a_token(life_seconds=MARGIN_SECONDS + left_seconds), a_token()
    actions.tokens = [gives(old), gives(new)]
    pace = replace(QUICK_PACE, hold_seconds=2 * left_seconds)
    ended = follow(
        actions,
        ROLLING,
        replace(ROLLING, held_seconds=left_seconds + 0.1),
        ROLLING,
        READY,
        wait=a_wait(pace=pace),
        github=True,
    )
    assert ended.code == 0
    assert [look.header("authorization") for look in actions.looks] == [f"Bearer {t}" for t in (old, old, new, new)]
    assert ended.err.index(f"::add-mask::{old}") < ended.err.index(f"::add-mask::{new}")


def test_a_token_service_that_fails_meanwhile_is_asked_again(actions: Actions) -> None:
    short = gives(a_token(life_seconds=MARGIN_SECONDS - 5))
    actions.tokens = [short, Reply(500), short, Reply(cut=0), short]
    assert follow(actions, ROLLING, READY).code == 0


def test_a_401_is_believed_when_fresh_tokens_bring_it_too(actions: Actions) -> None:
    ended = follow(actions, ROLLING, Reply(401), as_json=True, wait=SOON_BELIEVED)
    assert ended.code == 2
    tokens = [look.header("authorization") for look in actions.looks if look.header("authorization")]
    assert len(set(tokens)) > 1
    assert len(tokens) - len(set(tokens)) == 1  # the first report's and the first refusal's are the same
    document = json.loads(ended.out)
    assert (document["accepted"], document["status_code"], document["id"]) == (True, 401, EVENT_ID)
    assert re.search(r"^  repository +acme/shop \(id 74\)$", ended.err, re.MULTILINE)
    assert "krt check-policy --claims claims.json --image ghcr.io/acme/shop --tags dev,v1" in ended.err


def test_a_server_that_keeps_no_reports_cannot_be_followed(actions: Actions) -> None:
    ended = follow(actions, Reply(404), as_json=True, wait=SOON_BELIEVED)
    assert ended.code == 1
    document = json.loads(ended.out)
    assert document["accepted"] is True
    assert document["report"] is None
    assert document["error"].startswith("accepted, but its rollout cannot be followed: ")
    assert "404" in document["error"]


def test_the_go_peer_cannot_be_followed(actions: Actions) -> None:
    actions.events = [Reply(202)]
    ended = follow(actions, READY)
    assert ended.code == 1
    assert actions.looks == []
    assert "accepted, but its rollout cannot be followed: this server keeps no reports" in ended.err


def test_a_cluster_that_stays_silent_ends_with_1(actions: Actions) -> None:
    ended = follow(actions, SILENT_CLUSTER)
    assert ended.code == 1
    assert "no krt worker of prod is there any more" in ended.err


def test_for_a_silent_cluster_krt_web_is_not_asked_to_wait_longer_than_the_job_does(actions: Actions) -> None:
    follow(actions, SILENT_CLUSTER, wait=a_wait(pace=replace(QUICK_PACE, absent_seconds=0.1, hold_seconds=25)))
    assert {look.target.partition("?")[2] for look in actions.looks} <= {"", "wait=1", "wait=0"}


def test_a_cluster_that_comes_back_in_time_is_no_failure(actions: Actions) -> None:
    pace = replace(QUICK_PACE, absent_seconds=20)
    assert follow(actions, SILENT_CLUSTER, ROLLING, SILENT_CLUSTER, READY, wait=a_wait(pace=pace)).code == 0


def test_the_silence_of_a_cluster_is_counted_anew_each_time(actions: Actions) -> None:
    held = replace(ROLLING, held_seconds=SHORT_SECONDS + 0.1)
    pace = replace(QUICK_PACE, absent_seconds=SHORT_SECONDS)
    assert follow(actions, SILENT_CLUSTER, held, SILENT_CLUSTER, READY, wait=a_wait(pace=pace)).code == 0


def test_a_rollout_that_takes_too_long_ends_with_1_and_what_is_open(actions: Actions) -> None:
    ended = follow(
        actions, ROLLING, replace(ROLLING, silent=True), wait=a_wait(timeout_seconds=SHORT_SECONDS), as_json=True
    )
    assert ended.code == 1
    assert f"not finished within {SHORT_SECONDS:g} s: event rolling, 1 progressing" in ended.err
    assert json.loads(ended.out)["report"]["state"] == "rolling"


def test_an_outage_to_the_end_ends_with_1_and_says_so(actions: Actions) -> None:
    ended = follow(actions, ROLLING, Reply(503), wait=a_wait(timeout_seconds=SHORT_SECONDS))
    assert ended.code == 1
    assert f"not finished within {SHORT_SECONDS:g} s: event rolling, 1 progressing; krt web answered 503" in ended.err


def test_the_time_of_the_call_counts_too(actions: Actions) -> None:
    actions.events = [replace(Reply(503), held_seconds=SHORT_SECONDS), *actions.events]
    ended = follow(actions, ROLLING, wait=a_wait(timeout_seconds=2 * SHORT_SECONDS))
    assert ended.code == 1
    assert f"not finished within {2 * SHORT_SECONDS:g} s" in ended.err


def test_where_no_cluster_ever_reports_no_worker_reads_the_channel(actions: Actions) -> None:
    pace = replace(QUICK_PACE, nobody_seconds=0.1)
    ended = follow(actions, a_report("accepted", clusters=[]), wait=a_wait(timeout_seconds=SHORT_SECONDS, pace=pace))
    assert ended.code == 1
    assert ended.err.count(NOBODY) == 1
    assert ended.err.splitlines()[-1] == f"krt notify: {NO_WORKER}"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_is_refused_is_not_followed(actions: Actions, status: int) -> None:
    actions.events = [Reply(status)]
    assert follow(actions, READY).code == 2
    assert actions.looks == []


def test_what_is_not_accepted_in_time_ends_with_3(actions: Actions, quick_end: dict[str, object]) -> None:
    actions.events = [Reply(503)]
    assert follow(actions, READY, **quick_end).code == 3
    assert actions.looks == []


def test_a_long_report_is_read_whole(actions: Actions) -> None:
    targets = [a_target(f"web-{number}", "ready", reason="x" * 300) for number in range(1000)]
    ended = follow(actions, a_report("ready", *targets), as_json=True)
    assert len(json.loads(ended.out)["report"]["targets"]) == 1000


def test_no_token_is_printed(actions: Actions) -> None:
    actions.tokens = [gives("a.b.c")]
    echo = a_report("failed", a_target(state="failed", reason="a.b.c"))
    ended = follow(actions, problem(403, detail="a.b.c"), Reply(302, headers=(("Location", "/a.b.c"),)), echo)
    assert ended.code == 1
    assert "a.b.c" not in ended.both
    assert REQUEST_TOKEN not in ended.both


def test_the_job_gets_a_summary(actions: Actions, tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    follow(actions, ROLLING, READY, wait=a_wait(summary=page))
    assert "| workload | state |" in page.read_text()


def test_a_summary_that_cannot_be_written_changes_nothing(actions: Actions, tmp_path: Path) -> None:
    ended = follow(actions, READY, wait=a_wait(summary=tmp_path / "absent" / "summary.md"))
    assert ended.code == 0
    assert "no job summary was written: No such file or directory" in ended.err
