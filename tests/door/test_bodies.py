"""Rows E1 to E6 and A18 against the real process: a known caller is told which field to mend, and nothing happens."""

import gzip
import json

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.events import NO_BODIES, NO_IMAGES, NO_TAGS, anything
from tests.core.images import NO_REFERENCES, nearly
from tests.door.door import BODY, Door, Watch, request
from tests.fakes.pace import slack
from tests.serving.raw import Reply


def assert_problem(reply: Reply, status: int, field: str | None) -> None:
    assert reply.status == status, reply.received
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"
    problem = json.loads(reply.body)
    assert problem.keys() == {"type", "title", "status", "detail", *(["field"] if field else [])}
    assert problem["status"] == status
    assert problem.get("field") == field
    assert len(reply.body) < 600


async def assert_refused(door: Door, watch: Watch, sent: bytes, field: str, status: int = 400) -> None:
    async with watch.nothing_accepted():
        assert_problem(await door.exchange(sent), status, field)
    assert watch.fetches() == 0


@pytest.mark.parametrize("body", NO_BODIES, ids=lambda body: repr(body[:40]))
async def test_a_body_that_another_reader_could_read_otherwise(body: bytes, door: Door, watch: Watch) -> None:
    await assert_refused(door, watch, door.good(body), "body", 400 if len(body) <= 8192 else 413)


@pytest.mark.parametrize("image", NO_IMAGES, ids=ascii)
async def test_an_image_that_names_none(image: object, door: Door, watch: Watch) -> None:
    await assert_refused(door, watch, door.good(json.dumps({"image": image, "tags": ["dev"]}).encode()), "image")


@pytest.mark.parametrize("text", NO_REFERENCES, ids=ascii)
async def test_a_reference_that_is_none(text: str, door: Door, watch: Watch) -> None:
    body = json.dumps({"image": text, "tags": ["dev"]}).encode()
    async with watch.nothing_accepted():
        reply = await door.exchange(door.good(body))
        assert reply.status == 400
        assert json.loads(reply.body)["field"] in {"image", "body"}
    assert watch.fetches() == 0


@pytest.mark.parametrize("tags", NO_TAGS, ids=ascii)
async def test_tags_that_are_none(tags: object, door: Door, watch: Watch) -> None:
    await assert_refused(
        door, watch, door.good(json.dumps({"image": "ghcr.io/acme/shop", "tags": tags}).encode()), "tags"
    )


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"application/jsonx",
        b"application/x-www-form-urlencoded",
        b"text/plain",
        b"text/json",
        b"application/json; charset=latin-1",
        b"application/json; charset=utf-16",
        b"application/json;charset=utf-8;x=y",
        b"application/json, application/json",
        b"multipart/form-data; boundary=x",
    ],
)
async def test_another_content_type(content_type: bytes | None, door: Door, watch: Watch) -> None:
    sent = request(token=door.newcomer(), content_type=content_type)
    await assert_refused(door, watch, sent, "Content-Type", 415)


@pytest.mark.parametrize(
    "content_type",
    [b"application/json", b"Application/JSON", b"application/json; charset=utf-8", b"application/json;charset=UTF-8"],
)
async def test_the_content_type_of_json(content_type: bytes, door: Door) -> None:
    assert (await door.exchange(request(token=door.newcomer(), content_type=content_type))).status == 202


async def test_two_content_types(door: Door, watch: Watch) -> None:
    sent = request(b"Content-Type: application/json", token=door.newcomer())
    await assert_refused(door, watch, sent, "Content-Type", 415)


@pytest.mark.parametrize("encoding", [b"gzip", b"identity", b"br, gzip", b""])
async def test_an_encoded_body(encoding: bytes, door: Door, watch: Watch) -> None:
    body = gzip.compress(BODY) if encoding == b"gzip" else BODY
    sent = request(b"Content-Encoding: " + encoding, token=door.newcomer(), body=body)
    await assert_refused(door, watch, sent, "Content-Type", 415)


@pytest.mark.parametrize("size", [8193, 100_000, 99_999_999])
async def test_a_body_that_is_too_large_by_its_own_word(size: int, door: Door, watch: Watch) -> None:
    sent = request(token=door.newcomer()).replace(b"Content-Length: %d" % len(BODY), b"Content-Length: %d" % size)
    async with watch.nothing_accepted():
        reply = await door.exchange(sent)
        assert_problem(reply, 413, "body")
    assert (await door.line_of(reply))["reason"] == "body-too-large"
    assert watch.fetches() == 0


def chunked(door: Door) -> bytes:
    """A known caller's head, in front of chunks."""
    head = request(b"Transfer-Encoding: chunked", token=door.newcomer()).partition(b"\r\n\r\n")[0]
    return head.replace(b"\r\nContent-Length: %d" % len(BODY), b"") + b"\r\n\r\n"


CHUNK = b"1000\r\n" + b" " * 4096 + b"\r\n"


@pytest.mark.parametrize(
    ("chunks", "status", "reason"),
    [
        (CHUNK * 2 + b"1\r\n \r\n", 413, "body-too-large"),
        (CHUNK * 2, 408, "body-too-slow"),
    ],
)
async def test_chunks_that_are_too_many_or_too_slow(
    chunks: bytes, status: int, reason: str, door: Door, watch: Watch
) -> None:
    async with watch.nothing_accepted():
        reply = await door.exchange(chunked(door), chunks)
        assert_problem(reply, status, "body")
    line = await door.line_of(reply)
    assert (line["status"], line["reason"]) == (status, reason)
    assert "repository" in line
    assert await door.metric("krt_requests_total", status=str(status), reason=reason) >= 1
    assert watch.fetches() == 0


async def test_chunks_that_are_none(door: Door, watch: Watch) -> None:
    async with watch.nothing_accepted():
        reply = await door.exchange(chunked(door), CHUNK, b"zz\r\n")
        assert (reply.status, reply.body) == (400, b"")  # the transport's
    line = await door.line_of(reply)
    assert (line["status"], line["reason"]) == (400, "body-framing")


async def test_chunks_without_end_leave_the_memory_flat(door: Door, watch: Watch) -> None:
    head = chunked(door)
    before = door.process.resident_bytes()
    async with watch.nothing_accepted():
        for _ in range(20):
            # At the limit, not when the time for bodies is over.
            reply = await door.exchange(head, *[CHUNK] * 200, within_seconds=slack(3))
            assert reply.status in {413, 0}  # 0: the answer was lost with a reset, as we went on sending
    assert door.process.resident_bytes() - before < 10_000_000


async def test_a_refusal_repeats_nothing_that_was_sent_and_nothing_of_the_policy(door: Door) -> None:
    body = json.dumps({"image": "ghcr.io/m4rker/m4rker", "tags": ["m4rker"]}).encode()
    for sent in (door.good(body), door.good(b'{"m4rker": 1}'), door.good(b'{"image": "m4rker m4rker", "tags": []}')):
        reply = await door.exchange(sent)
        assert reply.status in {400, 403}
        assert b"m4rker" not in reply.body
        assert not [word for word in (b"ghcr.io/acme", b"{repo}", b"rule", b"65", b"krt.core") if word in reply.body]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300)
    | anything.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda image, tags: json.dumps({"image": image, "tags": tags}).encode(), nearly, anything)
    | st.builds(lambda at, new: BODY[:at] + new + BODY[at:], st.integers(0, len(BODY)), st.binary(max_size=4))
)
def test_any_body_is_accepted_or_refused_with_a_problem(body: bytes, door: Door) -> None:
    async def send() -> None:
        reply = await door.exchange(door.good(body))
        if reply.status != 202:
            assert reply.status in {400, 403}
            problem = json.loads(reply.body)
            assert problem["field"] in {"body", "image", "tags", "images"}

    trio.run(send)
    assert door.process.is_alive()
