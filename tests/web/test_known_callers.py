"""Callers that are known: accepted, or told what to mend, and nothing of the policy."""

import gzip
import json

import pytest

from tests.fakes.around import EVENT, IMAGE, Around, Krt, ask, get, post
from tests.serving.raw import Reply

TWICE = "Idempotency-Key: a\r\nIdempotency-Key: b"
SECRETS = ("ghcr.io/acme/", "acme@65", "65", "prefix", "krt.example.com")


def problem(reply: Reply) -> dict[str, object]:
    """The body of a refusal, whose form is always the same."""
    assert reply.headers["content-type"] == "application/problem+json"
    told = json.loads(reply.body)
    assert told["status"] == reply.status
    assert told["type"] == f"urn:krt:problem:{told['title'].replace(' ', '-')}"
    assert told.keys() - {"field"} == {"type", "title", "status", "detail"}
    return told


async def test_an_accepted_event_has_an_id_and_a_place_to_ask_after_it(around: Around, web: Krt):
    reply = await web.post(around.token())
    ((event, fields),) = await around.journaled()
    assert (reply.status, reply.headers["location"]) == (202, f"/events/{event}")
    assert json.loads(reply.body) == {"id": str(event), "status": f"/events/{event}"}
    assert reply.headers["content-type"] == "application/json"
    assert (fields["image"], json.loads(fields["tags"])) == (IMAGE, ["dev"])
    assert fields["request_id"] == reply.headers["x-request-id"]
    assert (fields["repository"], fields["ref"]) == ("acme/shop", "refs/heads/main")


SPELLINGS = [
    {"image": f"{IMAGE}:dev"},
    {"tags": ["dev"], "image": IMAGE},
    b' { "image" : "ghcr.io\\/acme\\/shop", "tags" : [ "dev" ] } ',
]


@pytest.mark.parametrize("event", SPELLINGS, ids=["tag in the image", "another order", "spaces and escapes"])
async def test_however_it_is_spelt_what_is_published_is_the_same(around: Around, web: Krt, event: object):
    async with around.overhearing() as ear:
        assert (await web.post(around.token(), event)).status == 202
        assert await ear.heard() == [b'{"image":"ghcr.io/acme/shop","tags":["dev"]}\n \n']


async def test_the_same_request_again_gets_the_same_answer_and_no_second_event(around: Around, web: Krt):
    request = post(around.token())
    async with around.overhearing() as ear:
        first, again = await ask(web.web, request), await ask(web.web, request)
        assert (first.status, first.body) == (again.status, again.body)
        assert len(await ear.heard()) == 1
    assert len(await around.journaled()) == 1


async def test_a_token_is_good_for_one_event(around: Around, web: Krt):
    token = around.token()
    assert (await web.post(token)).status == 202
    for other in ({"image": IMAGE, "tags": ["v2"]}, {"image": "ghcr.io/acme/blog", "tags": ["dev"]}):
        reply = await web.post(token, other)
        assert (reply.status, problem(reply)["title"]) == (403, "token already used")
    assert (await web.post(token, path="/event/dry-run")).status == 403
    assert len(await around.journaled()) == 1


async def test_an_idempotency_key_makes_one_event_of_two_tokens(around: Around, web: Krt):
    more = "Idempotency-Key: 3f6c"
    first, again = await web.post(around.token(), more=more), await web.post(around.token(), more=more)
    assert (first.status, first.body) == (again.status, again.body)
    other = await web.post(around.token(run_attempt="2"), more=more)
    assert other.body != first.body


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"image": IMAGE, "tags": ["v2"]}, "/event"),
        ({"image": IMAGE, "tags": ["dev", "v2"]}, "/event"),
        ({"image": "ghcr.io/acme/blog", "tags": ["dev"]}, "/event"),
        ({"image": f"{IMAGE}:latest"}, "/event"),
        (EVENT, "/event/dry-run"),
    ],
)
async def test_an_idempotency_key_with_another_call_is_422_and_no_event(around: Around, web: Krt, event, path):
    """Seen to fail with the comparison of the fingerprints left out of the accept script."""
    more = "Idempotency-Key: 3f6c"
    first = await web.post(around.token(), more=more)
    reply = await web.post(around.token(), event, path=path, more=more)
    assert (reply.status, problem(reply)["title"]) == (422, "idempotency key already used")
    assert problem(reply)["field"] == "Idempotency-Key"
    assert len(await around.journaled()) == 1
    assert (await web.post(around.token(), more=more)).body == first.body


@pytest.mark.parametrize("more", ["Idempotency-Key:", "Idempotency-Key: a b", f"Idempotency-Key: {'k' * 129}", TWICE])
async def test_an_idempotency_key_that_is_none_is_said_and_not_passed_over(around: Around, web: Krt, more: str):
    """Seen to fail with such a key taken for none: the repetition was a second event."""
    reply = await web.post(around.token(), more=more)
    assert (reply.status, problem(reply)["field"]) == (400, "Idempotency-Key")
    assert await around.journaled() == []


async def test_a_jti_that_the_issuer_repeats_gives_nobody_anothers_event(around: Around, web: Krt):
    """Seen to fail with the repository's id left out of the token's digest."""
    first = await web.post(around.token(jti="one"))
    other = await web.post(around.token(jti="one", repository_id="75"))
    assert (first.status, other.status) == (202, 202)
    assert other.body != first.body


async def test_a_dry_run_is_accepted_and_not_published(around: Around, web: Krt):
    async with around.overhearing() as ear:
        assert (await web.post(around.token(), path="/event/dry-run")).status == 202
        assert await ear.heard() == []
    assert len(await around.journaled()) == 1


MALFORMED = {
    "empty": (b"", "body"),
    "no JSON": (b"image=x", "body"),
    "a list": (b"[]", "body"),
    "a string": (b'"x"', "body"),
    "two documents": (b"{}{}", "body"),
    "not UTF-8": (b'{"image":"\xff","tags":["dev"]}', "body"),
    "a lone surrogate": (b'{"image":"\\ud800","tags":["dev"]}', None),
    "deep": (b"[" * 4000 + b"]" * 4000, "body"),
    "a number without end": (b'{"image":1e999,"tags":["dev"]}', None),
    "unknown field": ({**EVENT, "force": True}, "body"),
    "duplicate key": (b'{"image":"ghcr.io/acme/shop","image":"ghcr.io/evil/x","tags":["dev"]}', "body"),
    "no image": ({"tags": ["dev"]}, "image"),
    "an image that is none": ({"image": "ghcr.io/acme/", "tags": ["dev"]}, "image"),
    "an upper-case registry": ({"image": "GHCR.io/acme/shop", "tags": ["dev"]}, "image"),
    "a digest": ({"image": f"{IMAGE}@sha256:{'0' * 64}", "tags": ["dev"]}, "image"),
    "two places for the tag": ({"image": f"{IMAGE}:dev", "tags": ["dev"]}, "image"),
    "no tags": ({"image": IMAGE}, "tags"),
    "an empty list of tags": ({"image": IMAGE, "tags": []}, "tags"),
    "a tag that is none": ({"image": IMAGE, "tags": ["de v"]}, "tags"),
    "a tag with a line end": ({"image": IMAGE, "tags": ["dev\n"]}, "tags"),
    "a number for a tag": ({"image": IMAGE, "tags": [1]}, "tags"),
    "a tag twice": ({"image": IMAGE, "tags": ["dev", "dev"]}, "tags"),
    "too many tags": ({"image": IMAGE, "tags": [f"v{n}" for n in range(17)]}, "tags"),
}


@pytest.mark.parametrize("tag", [f"{IMAGE}:dev", "shop:dev", f"{IMAGE}@sha256:{'0' * 64}", "a/b", ":dev"])
async def test_a_whole_reference_among_the_tags_is_told_for_one(around: Around, web: Krt, tag: str):
    reply = await web.post(around.token(), {"image": IMAGE, "tags": ["v1", tag]})
    assert (reply.status, problem(reply)["field"]) == (400, "tags")
    assert "write the tag alone, not the whole reference" in str(problem(reply)["detail"])


async def test_a_malformed_body_is_told_by_its_field(around: Around, web: Krt):
    for n, (name, (body, field)) in enumerate(MALFORMED.items(), 100):
        reply = await web.post(around.token(repository_id=str(n)), body)
        assert (name, reply.status) == (name, 400)
        told = problem(reply)
        assert told["title"] == "invalid event"
        assert field is None or (name, told["field"]) == (name, field)
        assert "evil" not in reply.body.decode()
    assert await around.journaled() == []


async def test_a_refused_body_costs_no_token(around: Around, web: Krt):
    token = around.token()
    assert (await web.post(token, {"image": IMAGE})).status == 400
    assert (await web.post(token)).status == 202


OTHER_TYPES = {
    "none": "content-type:",
    "text": "Content-Type: text/plain",
    "a form": "Content-Type: application/x-www-form-urlencoded",
    "like JSON": "Content-Type: application/json5",
    "a problem": "Content-Type: application/problem+json",
    "another charset": "Content-Type: application/json; charset=utf-16",
    "a charset that is none": "Content-Type: application/json; charset=utf-8x",
    "a charset in half a quote": 'Content-Type: application/json; charset="utf-8',
    "another parameter": "Content-Type: application/json; odata=verbose",
    "a list": "Content-Type: application/json, application/json",
    "much white space": f"Content-Type: application/json{'; ' * 900}x",
    "two of them": "Content-Type: application/json\nContent-Type: application/json",
    "compressed": "Content-Type: application/json\nContent-Encoding: gzip",
    "not compressed, but said": "Content-Type: application/json\nContent-Encoding: identity",
}


async def test_a_body_of_another_type_is_not_read(around: Around, web: Krt):
    body = gzip.compress(json.dumps(EVENT).encode())
    for name, more in OTHER_TYPES.items():
        reply = await web.post(around.token(), body if name == "compressed" else EVENT, more=more)
        told = problem(reply)
        assert (name, reply.status, told["field"]) == (name, 415, "Content-Type")


JSON = [
    *("application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"),
    *(
        'application/json; charset="utf-8"',
        "application/json ; charset=utf-8",
        "application/json;",
        "Application/Json;;",
    ),
    "application/json;\tCharset=Utf-8 ;",
]


@pytest.mark.parametrize("written", JSON)
async def test_json_may_be_called_so_in_these_ways(around: Around, web: Krt, written: str):
    assert (await web.post(around.token(), more=f"Content-Type: {written}")).status == 202


OUTSIDE = [
    "ghcr.io/acme-evil/shop",
    "ghcr.io/acmes/shop",
    "ghcr.io/evil/shop",
    "docker.io/acme/shop",
    "acme/shop",
    "shop",
]


async def test_an_image_outside_the_prefix_is_refused_without_telling_the_prefix(around: Around, web: Krt):
    for image in OUTSIDE:
        reply = await web.post(around.token(), {"image": image, "tags": ["dev"]})
        assert (image, reply.status, problem(reply)["field"]) == (image, 403, "images")
        assert not [secret for secret in SECRETS if secret in reply.body.decode()]
    assert await around.journaled() == []


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "workflow_run"])
async def test_a_job_that_others_can_start_may_announce_nothing(around: Around, web: Krt, name: str):
    reply = await web.post(around.token(event_name=name))
    assert (reply.status, problem(reply)["field"]) == (403, "events")


async def test_a_body_above_the_limit_is_not_taken(around: Around, web: Krt):
    reply = await web.post(around.token(), b" " * 9000)
    assert (reply.status, reply.headers["connection"]) == (413, "close")


async def test_a_report_is_for_its_own_repository_alone(around: Around, web: Krt):
    token = around.token()
    event = json.loads((await web.post(token)).body)["id"]
    own = await ask(web.web, get(f"/events/{event}", around.token()))
    assert (own.status, json.loads(own.body)["state"]) == (200, "accepted")
    others = [
        await ask(web.web, get(f"/events/{event}", around.token(repository_id="75"))),
        await ask(web.web, get("/events/1-0", around.token())),
    ]
    assert [(reply.status, reply.body) for reply in others] == [(404, b"")] * 2


BODIES = {
    "too large": (b"Content-Length: 9000\r\n\r\n" + bytes(9000), 413, "body-too-large"),
    "too large by its word": (b"Content-Length: 9000\r\n\r\n", 413, "body-too-large"),
    "too large in chunks": (b"Transfer-Encoding: chunked\r\n\r\n2328\r\n" + bytes(9000) + b"\r\n0\r\n\r\n", 413, None),
    "broken": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "body-framing"),
    "small": (b"Content-Length: 5\r\n\r\nhello", 200, "report"),
}


@pytest.mark.parametrize("wait", ["", "?wait=1"])
@pytest.mark.parametrize("name", BODIES)
async def test_a_body_with_the_question_for_a_report_is_no_crash(around: Around, web: Krt, caplog, name, wait):
    """Seen to fail where Quart asked: the answer was 413, and the record said 500 and crashed."""
    caplog.set_level("DEBUG")
    body, status, reason = BODIES[name]
    event = json.loads((await web.post(around.token())).body)["id"]
    head = get(f"/events/{event}{wait}", around.token()).removesuffix(b"\r\n")
    reply = await ask(web.web, head + body)
    assert reply.status == status
    said = [record.__dict__["fields"] for record in caplog.records if record.message == "request_ended"]
    assert (said[-1]["path"], said[-1]["status"], said[-1]["reason"]) == ("report", status, reason or "body-too-large")


async def test_asking_for_a_report_spends_no_token(around: Around, web: Krt):
    token = around.token()
    assert (await ask(web.web, get("/events/1-0", token))).status == 404
    assert (await web.post(token)).status == 202
