import base64
import json
import re
from dataclasses import replace

import pytest

from krt.client.token import MARGIN_SECONDS
from krt.core.caller.identity import VerifiedClaims, from_claims
from tests.client.actions import (
    EVENT_ID,
    REQUEST_TOKEN,
    Actions,
    Reply,
    a_token,
    accepted,
    gives,
    problem,
    running,
)
from tests.client.runs import QUICK, SHORT_SECONDS, Run, run

UNAVAILABLE = Reply(503)


def assert_no_secret(ended: Run, actions: Actions) -> None:
    printed = "".join(line for line in ended.both.splitlines() if not line.startswith("::add-mask::"))
    for token in actions.given:
        _, payload, signature = token.split(".")
        assert payload not in printed
        assert signature not in printed
    assert REQUEST_TOKEN not in ended.both


def test_an_accepted_event_ends_with_0_and_its_id_and_status_url(actions: Actions) -> None:
    ended = run(actions)
    assert ended.code == 0
    assert ended.out == f"accepted: event {EVENT_ID}\nstatus: {actions.url}/events/{EVENT_ID}\n"
    assert ended.err == ""


def test_the_token_service_is_asked_for_the_audience(actions: Actions) -> None:
    run(actions, audience="https://krt.example.com/?a=b&c d")
    (asked,) = actions.asked
    assert asked.target == "/token?api-version=2.0&audience=https%3A%2F%2Fkrt.example.com%2F%3Fa%3Db%26c%20d"
    assert asked.header("authorization") == f"bearer {REQUEST_TOKEN}"


def test_the_event_is_posted_with_the_token_as_the_go_peer_takes_it(actions: Actions) -> None:
    run(actions)
    (post,) = actions.posts
    assert post.target == "/event"
    assert json.loads(post.body) == {"image": "ghcr.io/acme/shop", "tags": ["dev", "v1"]}
    assert post.header("authorization") == f"Bearer {actions.given[0]}"
    assert post.header("content-type") == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", post.header("idempotency-key"))


def test_a_dry_run_goes_to_its_own_path_and_says_so(actions: Actions) -> None:
    ended = run(actions, dry_run=True)
    assert actions.posts[0].target == "/event/dry-run"
    assert "dry-run: nothing is restarted" in ended.out


def test_a_server_below_a_path_is_used_as_written(actions: Actions) -> None:
    ended = run(actions, url=f"{actions.url}/krt/event")
    assert actions.posts[0].target == "/krt/event"
    assert f"status: {actions.url}/krt/events/{EVENT_ID}" in ended.out


def test_json_is_one_object_on_stdout(actions: Actions) -> None:
    ended = run(actions, as_json=True)
    assert json.loads(ended.out) == {
        "accepted": True,
        "id": EVENT_ID,
        "status": f"{actions.url}/events/{EVENT_ID}",
        "dry_run": False,
    }


def test_a_202_of_the_go_peer_is_accepted_without_an_id(actions: Actions) -> None:
    actions.events = [Reply(202)]
    ended = run(actions)
    assert (ended.code, ended.out) == (0, "accepted, by a server that gives events no id\n")


@pytest.mark.parametrize("status", [400, 403, 413, 415])
def test_a_refusal_ends_with_2_and_its_sentence_and_field(actions: Actions, status: int) -> None:
    actions.events = [problem(status, title="refused", detail="write it otherwise", field="tags")]
    ended = run(actions)
    assert ended.code == 2
    assert ended.err == f"krt notify: krt web refused the event ({status}): write it otherwise (field: tags)\n"
    assert len(actions.posts) == 1


def test_a_refusal_in_json_names_status_and_field(actions: Actions) -> None:
    actions.events = [problem(403, title="Refused", field="images")]
    ended = run(actions, as_json=True)
    document = json.loads(ended.out)
    assert (document["accepted"], document["status_code"], document["field"]) == (False, 403, "images")
    assert "Refused" in document["error"]


def test_an_unknown_caller_reads_what_its_token_says_but_no_token(actions: Actions) -> None:
    actions.events = [Reply(401)]
    ended = run(actions)
    assert ended.code == 2
    for row in (
        r"audience +https://krt\.example\.com",
        r"repository +acme/shop \(id 74\)",
        r"owner +acme \(id 65\)",
        r"ref +refs/heads/main",
        r"event +push",
    ):
        assert re.search(rf"^  {row}$", ended.err, re.MULTILINE)
    assert_no_secret(ended, actions)


def test_an_unknown_caller_reads_the_line_for_the_operator(actions: Actions) -> None:
    actions.events = [Reply(401)]
    ended = run(actions)
    line, claims = ended.err.splitlines()[-2:]
    assert line == "  krt check-policy --claims claims.json --image ghcr.io/acme/shop --tags dev,v1"
    assert json.loads(claims)["repository_owner_id"] == "65"


def test_the_claims_for_the_operator_are_what_krt_web_reads(actions: Actions) -> None:
    actions.events = [Reply(401)]
    printed = json.loads(run(actions).err.splitlines()[-1])
    payload = json.loads(base64.urlsafe_b64decode(actions.given[0].split(".")[1] + "=="))
    assert from_claims(VerifiedClaims(printed)) == from_claims(VerifiedClaims(payload))


def test_claims_cannot_command_the_runner(actions: Actions) -> None:
    evil = a_token(ref="x\n::error::y", event_name="##[error]z", environment="##[error]z\n::stop-commands::t")
    actions.tokens, actions.events = [gives(evil)], [Reply(401)]
    ended = run(actions, github=True)
    commands = [line for line in ended.both.splitlines() if line.lstrip().startswith("::")]
    assert [command.split("::")[1].split()[0] for command in commands] == ["add-mask", "error"]
    assert "##[" not in ended.both


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_the_same_token_and_key(actions: Actions, status: int) -> None:
    actions.events = [Reply(status), Reply(status), accepted()]
    ended = run(actions)
    assert ended.code == 0
    assert len(actions.posts) == 3
    assert len({(post.header("idempotency-key"), post.header("authorization")) for post in actions.posts}) == 1
    assert len(actions.asked) == 1
    assert ended.err.count(f"krt notify: krt web answered {status}; trying again\n") == 2


def test_two_runs_have_two_keys(actions: Actions) -> None:
    run(actions)
    run(actions)
    assert len({post.header("idempotency-key") for post in actions.posts}) == 2


@pytest.mark.parametrize("cut", [0, 10, 60, -1])
def test_a_connection_dropped_in_mid_answer_is_tried_again(actions: Actions, cut: int) -> None:
    actions.events = [replace(accepted(), cut=cut), accepted()]
    ended = run(actions)
    assert ended.code == 0
    assert EVENT_ID in ended.out
    assert "no whole answer from 127.0.0.1 (" in ended.err


def test_garbage_instead_of_http_is_tried_again(actions: Actions) -> None:
    actions.events = [replace(Reply(), raw=b"SSH-2.0-OpenSSH_9.9\r\n"), accepted()]
    assert run(actions).code == 0


def test_a_silent_attempt_is_given_up_for_another(actions: Actions) -> None:
    actions.events = [Reply(silent=True), accepted()]
    ended = run(actions, patience=replace(QUICK, attempt_seconds=0.2))
    assert ended.code == 0
    assert "127.0.0.1 did not answer within 0.2 s" in ended.err


def test_retry_after_is_obeyed(actions: Actions, quick_end: dict[str, object]) -> None:
    actions.events = [Reply(429, headers=(("Retry-After", "30"),)), accepted()]
    ended = run(actions, **quick_end)
    assert ended.code == 3
    assert len(actions.posts) == 1
    assert "trying again in 30 s, as it asks" in ended.err


def test_no_202_within_the_time_ends_with_3_and_the_last_reason(actions: Actions, quick_end: dict[str, object]) -> None:
    actions.events = [UNAVAILABLE]
    ended = run(actions, as_json=True, **quick_end)
    assert ended.code == 3
    assert re.sub("[0-9a-f]{16}", "ID", ended.err.splitlines()[-1]) == (
        f"krt notify: no final answer within {SHORT_SECONDS:g} s: krt web answered 503: "
        "it waits for the issuer's keys or for Valkey, or "
        "it stops: the operator of krt sees which at /readyz, and in the log under the request ID; "
        "the event may have been accepted all the same"
    )
    assert json.loads(ended.out)["accepted"] is None


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("server", ["nginx", "cloudflare", "awselb/2.0", "squid/6.6", ""])
def test_what_something_else_answers_is_not_said_of_krt_web(
    actions: Actions, quick_end: dict[str, object], status: int, server: str
) -> None:
    page, named = b"<html>no</html>", (("Server", server),) if server else ()
    actions.events = [Reply(status, page, named, foreign=True)]
    ended = run(actions, **quick_end)
    assert ended.code == (2 if status == 403 else 3)
    last = ended.err.splitlines()[-1]
    assert "the answer is not marked as krt web's own" in last
    assert "HTTPS_PROXY" in last
    assert (f"(Server: {server})" in last) is bool(server)
    assert "krt web answered" not in ended.err
    assert "krt web refused" not in ended.err


def test_what_never_arrived_was_not_accepted(actions: Actions, quick_end: dict[str, object]) -> None:
    ended = run(actions, url="http://127.0.0.1:1", as_json=True, **quick_end)
    assert ended.code == 3
    assert "cannot connect to 127.0.0.1" in ended.err
    assert json.loads(ended.out)["accepted"] is False


def test_silence_to_the_end_may_have_been_an_acceptance(actions: Actions, quick_end: dict[str, object]) -> None:
    actions.events = [Reply(silent=True)]
    ended = run(actions, **quick_end)
    assert ended.code == 3
    assert "the event may have been accepted all the same" in ended.err


def test_a_token_near_its_end_is_replaced_under_the_same_key(actions: Actions) -> None:
    old, new = a_token(life_seconds=MARGIN_SECONDS - 5), a_token()
    actions.tokens = [gives(old), gives(new)]
    actions.events = [UNAVAILABLE, UNAVAILABLE, accepted()]
    assert run(actions).code == 0
    assert [post.header("authorization") for post in actions.posts] == [f"Bearer {token}" for token in (old, new, new)]
    assert len({post.header("idempotency-key") for post in actions.posts}) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_with_a_token(actions: Actions, status: int) -> None:
    with running(Actions()) as elsewhere:
        actions.events = [Reply(status, headers=(("Location", f"{elsewhere.url}/event"),))]
        ended = run(actions)
    assert elsewhere.seen == []
    assert ended.code == 2
    assert "krt sends no token to another URL" in ended.err


def test_no_redirect_of_the_token_service_is_followed(actions: Actions) -> None:
    with running(Actions()) as elsewhere:
        actions.tokens = [Reply(302, headers=(("Location", f"{elsewhere.url}/token"),))]
        ended = run(actions)
    assert elsewhere.seen == []
    assert ended.code == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_of_the_token_service_names_the_permission(actions: Actions, status: int) -> None:
    actions.tokens = [Reply(status, b"secret details")]
    ended = run(actions)
    assert ended.code == 2
    assert f"({status}): the job needs `permissions: id-token: write`" in ended.err
    assert actions.posts == []


@pytest.mark.parametrize("reply", [Reply(500), Reply(503), Reply(429), Reply(cut=0), replace(gives("a.b.c"), cut=-1)])
def test_a_failing_token_service_is_asked_again(actions: Actions, reply: Reply) -> None:
    actions.tokens = [reply, gives(a_token())]
    ended = run(actions)
    assert ended.code == 0
    assert "GitHub's token service" in ended.err


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"value": null}',
        b'{"value": ""}',
        b'{"value": "no token"}',
        b'{"value": "a.b"}',
        b'{"value": "a.b.c="}',
        b'{"value": "a.b.c\\n::error::x"}',
        b'{"value": "a.b.\xc3\xa9"}',
        b'{"value": "' + b"a" * 9000 + b'.b.c"}',
        b'{"token": "a.b.c"}',
    ],
)
def test_what_is_no_token_is_neither_sent_nor_printed(actions: Actions, body: bytes) -> None:
    actions.tokens = [Reply(200, body)]
    ended = run(actions, github=True)
    assert ended.code == 2
    assert "answered without a token" in ended.err
    assert "add-mask" not in ended.err
    assert actions.posts == []


def test_an_unreadable_token_is_still_sent(actions: Actions) -> None:
    actions.tokens = [gives("a.b.c")]
    assert run(actions).code == 0


def test_each_token_is_masked_before_anything_else_is_printed(actions: Actions) -> None:
    first, second = a_token(life_seconds=10), a_token()
    actions.tokens = [gives(first), gives(second)]
    actions.events = [UNAVAILABLE, accepted()]
    lines = run(actions, github=True).err.splitlines()
    assert lines == [
        f"::add-mask::{first}",
        "krt notify: krt web answered 503; trying again",
        f"::add-mask::{second}",
    ]


def test_errors_are_annotations_of_the_run_on_github(actions: Actions) -> None:
    actions.events = [problem(403, title="50%\r\n::warning::x")]
    ended = run(actions, github=True)
    assert ended.err.splitlines()[-1] == (
        "::error title=krt notify::krt web refused the event (403): 50%25\\x0d\\x0a::warning::x"
    )


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(401)],
        [problem(403, detail="no")],
        [UNAVAILABLE],
        [Reply(302, headers=(("Location", "/x"),))],
        [Reply(cut=3)],
        [Reply(silent=True)],
    ],
)
def test_no_outcome_prints_the_token(actions: Actions, replies: list[Reply], quick_end: dict[str, object]) -> None:
    actions.events = replies
    ended = run(actions, as_json=True, **quick_end)
    assert ended.code != 0
    assert actions.given
    assert_no_secret(ended, actions)


@pytest.mark.parametrize("reply", [problem(403, detail="a.b.c"), Reply(302, headers=(("Location", "/a.b.c"),))])
def test_a_server_that_echoes_the_token_does_not_bring_it_into_the_log(actions: Actions, reply: Reply) -> None:
    actions.tokens, actions.events = [gives("a.b.c")], [reply]
    ended = run(actions, as_json=True)
    assert "a.b.c" not in ended.both
    assert "***" in ended.err


def test_a_server_that_echoes_the_token_outside_of_http_does_not_bring_it_into_the_log(
    actions: Actions, quick_end: dict[str, object]
) -> None:
    actions.tokens, actions.events = [gives("a.b.c")], [Reply(raw=b"Bearer a.b.c\r\n\r\n")]
    ended = run(actions, **quick_end)
    assert ended.code == 3
    assert "a.b.c" not in ended.both


@pytest.mark.parametrize(
    "location", [b"http://[", b"https://", b"javascript:alert(1)", b"//", b"x" * 5000, b"/\xff", b"http://x:y/"]
)
def test_no_location_breaks_the_command(actions: Actions, location: bytes) -> None:
    actions.events = [Reply(raw=b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")]
    ended = run(actions)
    assert ended.code == 2
    assert "krt sends no token to another URL" in ended.err or len(location) > 500
