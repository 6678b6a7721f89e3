"""Whoever is not known gets one answer, to the byte; only the log knows why."""

import re

import pytest

from tests.fakes.around import Around, Krt, ask, get, post
from tests.fakes.strangers import TOKENS

CHANGING = re.compile(rb"(?im)^(date|x-request-id): [^\r]*\r\n")


def constant(received: bytes) -> bytes:
    """The answer but for what is of the moment."""
    return CHANGING.sub(rb"\1: ...\r\n", received)


async def denied(krt: Krt, request: bytes) -> bytes:
    reply = await ask(krt.web, request)
    assert reply.status == 401, reply.received
    return constant(reply.received)


async def test_every_unknown_caller_gets_the_same_bytes(around: Around, web: Krt):
    tokens = {name: make(around) for name, make in TOKENS.items()}
    answers = {name: await denied(web, post(token)) for name, token in tokens.items()}
    assert set(answers.values()) == {answers["no token"]}, answers


async def test_on_every_path_that_asks_for_a_token(around: Around, web: Krt):
    for token in (None, "garbage", around.token(audience="https://other.example.com")):
        requests = [post(token), post(token, path="/event/dry-run"), get("/events/1-0", token)]
        requests += [get("/events/1-0?wait=20", token)]
        answers = [await denied(web, request) for request in requests]
        assert set(answers) == {answers[0]}


HEADERS = {
    "no header": [],
    "an empty header": ["Authorization: "],
    "the scheme alone": ["Authorization: Bearer"],
    "another scheme": ["Authorization: Basic {token}"],
    "no scheme": ["Authorization: {token}"],
    "two headers": ["Authorization: Bearer {token}", "Authorization: Bearer {token}"],
    "a good and a bad header": ["Authorization: Bearer {token}", "Authorization: Bearer x"],
    "two tokens": ["Authorization: Bearer {token}, Bearer {token}"],
    "a space too many": ["Authorization: Bearer  {token}"],
    "a tab": ["Authorization: Bearer\t{token}"],
    "a parameter": ["X-Authorization: Bearer {token}"],
    "a cookie": ["Cookie: token={token}"],
}


async def test_however_the_header_is_bent(around: Around, web: Krt):
    answers = {}
    for name, lines in HEADERS.items():
        more = "\n".join(lines).format(token=around.token())
        answers[name] = await denied(web, post(None, more=more))
    assert len(set(answers.values())) == 1, answers


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"x" * 8000], ids=["none", "empty", "garbage", "long"])
async def test_the_body_of_a_stranger_makes_no_difference(web: Krt, body: bytes):
    assert await denied(web, post("garbage", body)) == await denied(web, post("garbage"))


async def test_a_stranger_is_answered_without_its_body(web: Krt):
    head = post(None).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert await denied(web, head) == await denied(web, post(None))


async def test_the_answer_says_nothing(web: Krt):
    reply = await web.post(None)
    assert reply.body == b""
    names = ["www-authenticate", "content-length", "date", "x-request-id", "connection"]
    assert sorted(reply.headers) == sorted(names)
    assert (reply.headers["www-authenticate"], reply.headers["connection"]) == ("Bearer", "close")


async def test_no_request_id_is_taken_from_outside(web: Krt):
    replies = [await web.post(None, more="X-Request-Id: forged") for _ in range(2)]
    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == 2
    assert "forged" not in ids


async def test_the_scheme_may_be_written_in_any_case(around: Around, web: Krt):
    reply = await web.post(None, more=f"authorization: bEARER {around.token()}")
    assert reply.status == 202


async def test_no_stranger_leaves_a_trace_in_valkey(around: Around, web: Krt):
    async with around.overhearing() as ear:
        for make in TOKENS.values():
            await web.post(make(around))
        assert await ear.heard() == []
    assert await around.journaled() == []


async def test_the_log_holds_the_reason_and_no_token(around: Around, web: Krt, caplog):
    caplog.set_level("DEBUG")
    token = around.token(audience="https://other.example.com")
    await web.post(token)
    fields = [record.__dict__.get("fields", {}) for record in caplog.records if record.message == "request_ended"]
    assert [(one["status"], one["reason"]) for one in fields] == [(401, "wrong_audience")]
    for part in token.split("."):
        assert part not in str([record.__dict__ for record in caplog.records])


async def test_ten_thousand_unknown_keys_are_one_look_at_the_issuer(around: Around, web: Krt):
    before = around.issuer.keys_fetches
    token = TOKENS["unknown key"](around)
    for _ in range(20):
        await web.post(token)
    assert around.issuer.keys_fetches <= before + 1
