import json

import pytest

from krt.client import answers, unsaid
from krt.client.address import parse_server
from krt.client.claims import Claims
from krt.client.outcome import Accepted, NotYet, Refused
from krt.client.transport import Answer
from tests.serving.raw import GOOD, running

SERVER = parse_server("https://krt.example.com/krt/event")
CLAIMS = Claims(repository="acme/shop")


def read(
    status: int,
    body: bytes = b"",
    *,
    location: str = "",
    wait_seconds: float = 0,
    request_id: str = "0123456789abcdef",
    by: str = "",
) -> Accepted | Refused | NotYet:
    answer = Answer(SERVER.event_url, status, location, wait_seconds, body, request_id=request_id, server=by)
    return answers.read(answer, SERVER, CLAIMS)


def test_a_202_names_the_event_and_where_its_report_is() -> None:
    body = b'{"id": "1763690000123-7", "status": "/events/1763690000123-7"}'
    assert read(202, body) == Accepted("1763690000123-7", "https://krt.example.com/krt/events/1763690000123-7")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        b"{}",
        b"[]",
        b'{"id": 7}',
        b'{"id": "../../etc"}',
        b'{"id": "1-0\\n::error::"}',
        b"[" * 60_000,
    ],
)
def test_a_202_without_a_readable_id_is_accepted_as_the_go_peer_accepts(body: bytes) -> None:
    assert read(202, body) == Accepted(None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><title>Human Verification</title>",
        b"<html>please wait</html>",
        b'{"id":"1"}',
        b"{}",
        b"accepted",
        b"\x1f\x8b\x08",
    ],
)
def test_a_202_of_something_else_is_no_receipt(body: bytes) -> None:
    """A web application firewall's challenge, say: nothing was announced. Only the Go peer's is empty."""
    refused = read(202, body, request_id="", by="awselb/2.0")
    assert isinstance(refused, Refused)
    assert "answered 202, without a receipt: the answer is not marked as krt web" in refused.sentence
    assert "awselb/2.0" in refused.sentence
    assert read(202, b"", request_id="") == Accepted(None, None)


@pytest.mark.parametrize("status", [400, 403, 413, 415])
def test_a_refusal_quotes_the_problem_and_its_field(status: int) -> None:
    body = json.dumps({"title": "not allowed", "detail": "no rule admits it", "field": "images"}).encode()
    refused = read(status, body)
    assert refused == Refused(f"krt web refused the event ({status}): no rule admits it", status, "images")


def test_a_refusal_without_a_detail_quotes_the_title() -> None:
    assert read(403, b'{"title": "not allowed"}') == Refused("krt web refused the event (403): not allowed", 403)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"title": 1}', b"\xff", b"[]"])
def test_a_refusal_without_a_readable_problem_names_its_status(body: bytes) -> None:
    assert read(403, body) == Refused("krt web refused the event (403)", 403)


def test_a_401_comes_with_the_claims_of_the_token() -> None:
    refused = read(401)
    assert isinstance(refused, Refused)
    assert refused.claims == CLAIMS


@pytest.mark.parametrize(
    ("status", "not_taken"),
    [(408, True), (429, True), (500, False), (502, False), (503, False), (504, False), (522, False)],
)
def test_what_may_pass_is_tried_again(status: int, not_taken: bool) -> None:
    not_yet = read(status, wait_seconds=3)
    assert isinstance(not_yet, NotYet)
    assert (not_yet.problem, not_yet.wait_seconds, not_yet.not_taken) == (f"krt web answered {status}", 3, not_taken)


@pytest.mark.parametrize(("status", "cause"), [(500, "a fault of its own"), (503, "the issuer's keys or for Valkey")])
def test_krt_webs_own_answers_without_words_have_a_cause_and_the_request(status: int, cause: str) -> None:
    not_yet = read(status)
    assert isinstance(not_yet, NotYet)
    assert not_yet.causes.startswith(": ")
    assert cause in not_yet.causes
    assert "the request 0123456789abcdef" in not_yet.causes


# As they are: nginx's and HAProxy's pages, Envoy's text, an AWS load balancer's, Cloudflare's block, Squid's denial.
NGINX = b"<html><head><title>403 Forbidden</title></head><body><center>nginx</center></body></html>"
ENVOY = b"no healthy upstream"
SQUID = b"<!DOCTYPE html><html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>"


@pytest.mark.parametrize(
    ("status", "body", "by", "request_id", "words"),
    [
        (403, NGINX, "nginx", "", "a list of allowed addresses"),
        (403, b"error code: 1020", "cloudflare", "", "a web application firewall"),
        (403, b"", "awselb/2.0", "", "a web application firewall"),
        (403, SQUID, "squid/6.6", "", "a proxy on the way out (HTTPS_PROXY, NO_PROXY)"),
        (403, b"", "", "5d4b1f6e5a7c4f1d9b3c2a1e0f9d8c7b", "a filter of the runner's network"),
        (403, b'{"message":"Forbidden"}', "", "d3b0c442-98fc-1c14-9afb-f4c8996fb924", "a web application firewall"),
        (407, SQUID, "squid/6.6", "", "a proxy on the way out (HTTPS_PROXY, NO_PROXY) that asks who you are"),
        (405, b"", "AkamaiGHost", "", "another server at this URL"),
    ],
)
def test_a_refusal_that_is_not_krt_webs_names_what_may_have_refused(
    status: int, body: bytes, by: str, request_id: str, words: str
) -> None:
    """Seen to fail as it was: krt web had refused the event, and nothing more."""
    refused = read(status, body, by=by, request_id=request_id)
    assert isinstance(refused, Refused)
    url = "https://krt.example.com/krt/event"
    assert refused.sentence.startswith(f"{url} refused the event ({status}): the answer is not marked as krt web's own")
    assert words in refused.sentence
    assert (f"Server: {by})" in refused.sentence) is bool(by)
    assert "krt web refused" not in refused.sentence


@pytest.mark.parametrize(
    ("status", "body", "by", "words"),
    [
        (503, NGINX, "nginx", "cannot reach krt web, or has none that is ready"),
        (503, ENVOY, "envoy", "a limit or a maintenance page"),
        (503, b"", "awselb/2.0", "an ingress, load balancer or CDN"),
        (503, SQUID, "squid/6.6", "a proxy on the way out (HTTPS_PROXY, NO_PROXY)"),
        (502, b"", "", "cannot reach krt web"),
        (504, b"", "", "cannot reach krt web"),
        (522, b"error code: 522", "cloudflare", "cannot reach krt web"),
        (511, b"", "", "a captive portal"),
        (600, b"", "", "or another server at this URL"),
        (999, b"", "", "or another server at this URL"),
        (429, b"", "cloudflare", "a rate limit in front"),
    ],
)
def test_what_may_pass_and_is_not_krt_webs_names_what_it_may_be(status: int, body: bytes, by: str, words: str) -> None:
    """Seen to fail as it was: krt web had answered, and nothing more."""
    not_yet = read(status, body, by=by, request_id="")
    assert isinstance(not_yet, NotYet)
    assert not_yet.problem == f"https://krt.example.com/krt/event answered {status}"
    assert words in not_yet.causes
    assert (f"Server: {by})" in not_yet.causes) is bool(by)


@pytest.mark.parametrize("request_id", ["", "0123456789abcdef"])
def test_krt_webs_words_need_no_mark(request_id: str) -> None:
    """A proxy may take headers away."""
    refused = read(403, b'{"title": "not allowed"}', request_id=request_id, by="nginx")
    assert refused == Refused("krt web refused the event (403): not allowed", 403)


async def test_the_mark_is_that_of_krts_own_listener() -> None:
    async with running() as server:
        for sent in (GOOD, GOOD.replace(b"/ok", b"/unauthorized"), GOOD.replace(b"1.1", b"2.0")):
            named = (await server.send(sent)).headers
            answer = Answer(SERVER.event_url, 503, "", 0, b"", request_id=named["x-request-id"])
            assert unsaid.is_own(answer)
            assert "server" not in named


def test_the_token_is_taken_out_of_what_a_server_calls_itself() -> None:
    answer = Answer(SERVER.event_url, 403, "", 0, b"", server="echo s3cret")
    assert answer.without("s3cret").server == "echo ***"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(status: int) -> None:
    """Seen to fail with the Location as it came: its query was in the log."""
    refused = read(status, location="https://krt:s3cret@elsewhere.example.com/event?ticket=s3cret")
    assert isinstance(refused, Refused)
    assert "to https://elsewhere.example.com/event: krt sends no token to another URL" in refused.sentence
    assert "s3cret" not in refused.sentence


def test_a_page_of_something_else_asks_for_a_captive_portal_too() -> None:
    refused = read(200, b"<html>Welcome to the hotel</html>", request_id="")
    assert isinstance(refused, Refused)
    assert refused.sentence.endswith("is krt web there? Or is it a proxy's page, or a captive portal's?")


@pytest.mark.parametrize("status", [204, 304, 404])
def test_what_no_krt_web_answers_asks_for_the_right_url(status: int) -> None:
    refused = read(status)
    assert isinstance(refused, Refused)
    assert refused.sentence == f"https://krt.example.com/krt/event answered {status}: is krt web there?"


@pytest.mark.parametrize("status", [405, 414, 417, 431])
def test_every_other_status_of_a_client_at_fault_is_a_refusal(status: int) -> None:
    assert read(status) == Refused(f"krt web refused the event ({status})", status)


@pytest.mark.parametrize("by", ["nginx", "Google Frontend", "awselb/2.0", "Squid/6.10", "oauth2-proxy", ""])
def test_a_401_that_is_not_marked_is_not_called_krt_webs(by: str) -> None:
    refused = read(401, b"<html>", request_id="", by=by)
    assert isinstance(refused, Refused)
    assert refused.sentence.startswith(
        "https://krt.example.com/krt/event does not know this caller (401): the answer is"
    )
    assert "asks for a login of its own" in refused.sentence
    assert by in refused.sentence
    assert refused.claims == CLAIMS


def test_a_401_of_krt_web_needs_no_guess_at_who_answered() -> None:
    own = read(401)
    assert isinstance(own, Refused)
    assert own.sentence == "krt web does not know this caller (401)"
