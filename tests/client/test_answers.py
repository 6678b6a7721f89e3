import json

import pytest

from krt.client import answers
from krt.client.address import parse_server
from krt.client.claims import Claims
from krt.client.outcome import Accepted, NotYet, Refused
from krt.client.transport import Answer

SERVER = parse_server("https://krt.example.com/krt/event")
CLAIMS = Claims(repository="acme/shop")


def read(status: int, body: bytes = b"", *, location: str = "", wait_seconds: float = 0) -> Accepted | Refused | NotYet:
    return answers.read(Answer(SERVER.event_url, status, location, wait_seconds, body), SERVER, CLAIMS)


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


@pytest.mark.parametrize("status", [400, 403, 413, 415])
def test_a_problem_is_told_with_its_field(status: int) -> None:
    body = json.dumps({"title": "not allowed", "detail": "no rule admits it", "field": "images"}).encode()
    refused = read(status, body)
    assert refused == Refused(f"krt web refused the event ({status}): no rule admits it", status, "images")


def test_a_problem_without_a_detail_is_told_by_its_title() -> None:
    assert read(403, b'{"title": "not allowed"}') == Refused("krt web refused the event (403): not allowed", 403)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"title": 1}', b"\xff", b"[]"])
def test_a_refusal_without_a_readable_problem_is_told_by_its_status(body: bytes) -> None:
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
    assert not_yet == NotYet(f"krt web answered {status}", 3, not_taken)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_not_followed(status: int) -> None:
    refused = read(status, location="https://elsewhere.example.com/event")
    assert isinstance(refused, Refused)
    assert "to https://elsewhere.example.com/event" in refused.sentence


@pytest.mark.parametrize("status", [200, 204, 304, 404])
def test_what_no_krt_web_answers_asks_for_the_right_url(status: int) -> None:
    refused = read(status)
    assert isinstance(refused, Refused)
    assert refused.sentence == f"https://krt.example.com/krt/event answered {status}: is krt web there?"


@pytest.mark.parametrize("status", [405, 414, 417, 431])
def test_every_other_status_of_a_client_at_fault_is_a_refusal(status: int) -> None:
    assert read(status) == Refused(f"krt web refused the event ({status})", status)
