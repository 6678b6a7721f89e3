import itertools

import httpx
import jwt
import pytest
import trio
from jwt import PyJWK

from krt.dev.github import Job
from krt.dev.issuer import RUN_SECONDS, KeysFault, StandInIssuer
from tests.fakes.served import served

AUDIENCE = "https://krt.example.com"
NOW = 1_763_690_000


@pytest.fixture(scope="module")
def one_issuer():
    return StandInIssuer("https://issuer.test", now=lambda: NOW)


@pytest.fixture
async def issuer(one_issuer):
    one_issuer.keys_fault, one_issuer.keys_body = KeysFault.NONE, None
    one_issuer.keys_fetches = one_issuer.moved_fetches = one_issuer.tokens_given = 0
    async with served(one_issuer) as url:
        one_issuer.url = url
        yield one_issuer


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=5) as client:
        yield client


def decode(token, keys, *, issuer):
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in keys["keys"] if key["kid"] == kid)
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    return jwt.decode(
        token, PyJWK.from_dict(key), algorithms=["RS256"], audience=AUDIENCE, issuer=issuer, options=options
    )


async def ask_token(client, issuer, audience=AUDIENCE, *, authorization=None):
    authorization = authorization or f"bearer {issuer.request_token}"
    suffix = f"&audience={audience}" if audience else ""
    return await client.get(f"{issuer.request_url}{suffix}", headers={"authorization": authorization})


async def test_a_jobs_token_verifies_with_the_published_keys(issuer, client):
    answer = await ask_token(client, issuer)
    keys = (await client.get(f"{issuer.url}/.well-known/jwks")).json()
    claims = decode(answer.json()["value"], keys, issuer=issuer.url)
    assert claims["repository"] == "acme/shop"
    assert (claims["nbf"], claims["iat"], claims["exp"]) == (NOW - 600, NOW, NOW + 300)


async def test_the_published_keys_are_as_github_writes_them(issuer, client):
    (key,) = (await client.get(f"{issuer.url}/.well-known/jwks")).json()["keys"]
    assert key.keys() == {"kty", "alg", "use", "kid", "n", "e"}
    assert (key["kty"], key["alg"], key["use"], key["e"]) == ("RSA", "RS256", "sig", "AQAB")
    assert PyJWK.from_dict(key).key.key_size == 2048


async def test_every_token_has_its_own_id(issuer, client):
    tokens = [(await ask_token(client, issuer)).json()["value"] for _ in range(3)]
    ids = {jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}
    assert len(ids) == 3
    assert issuer.tokens_given == 3


async def test_a_call_that_is_repeated_is_of_the_same_run_and_one_after_a_while_is_of_the_next(client):
    clock = [float(NOW)]
    issuer = StandInIssuer(job=Job(run_id="7"), now=lambda: clock[0])
    runs = []
    async with served(issuer) as issuer.url:
        for seconds in (RUN_SECONDS + 1, RUN_SECONDS, 1, RUN_SECONDS + 1):
            clock[0] += seconds
            token = (await ask_token(client, issuer)).json()["value"]
            runs.append(jwt.decode(token, options={"verify_signature": False})["run_id"])
    assert runs == ["7", "7", "7", "8"]


@pytest.mark.parametrize("authorization", ["bearer wrong", "basic x", "bearer", "Bearer"])
async def test_who_is_not_the_job_gets_no_token(issuer, client, authorization):
    answer = await ask_token(client, issuer, authorization=authorization)
    assert (answer.status_code, issuer.tokens_given) == (401, 0)


async def test_a_request_url_spoilt_by_a_second_question_mark_is_refused(issuer, client):
    headers = {"authorization": f"Bearer {issuer.request_token}"}
    answer = await client.get(f"{issuer.request_url}?audience={AUDIENCE}", headers=headers)
    assert answer.status_code == 400


async def test_without_an_audience_the_token_is_for_the_owners_page(issuer, client):
    token = (await ask_token(client, issuer, audience="")).json()["value"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "https://github.com/acme"


async def test_discovery_names_the_issuer_and_its_keys(issuer, client):
    document = (await client.get(f"{issuer.url}/.well-known/openid-configuration")).json()
    assert document["issuer"] == issuer.url
    assert document["jwks_uri"] == f"{issuer.url}/.well-known/jwks"


@pytest.mark.parametrize(("method", "path"), [("POST", "/idtoken"), ("GET", "/"), ("GET", "/.well-known/jwks/")])
async def test_nothing_else_is_there(issuer, client, method, path):
    assert (await client.request(method, f"{issuer.url}{path}")).status_code == 404


def test_claims_can_be_replaced_and_taken_away(one_issuer):
    claims = one_issuer.github_claims(AUDIENCE, ref="refs/tags/v1", jti=None, sha=...)
    assert (claims["ref"], claims["jti"]) == ("refs/tags/v1", None)
    assert "sha" not in claims


def test_all_claims_of_github_but_the_times_are_strings(one_issuer):
    claims = one_issuer.github_claims(AUDIENCE)
    assert {name for name, value in claims.items() if not isinstance(value, str)} == {"nbf", "iat", "exp"}


@pytest.mark.parametrize(
    ("job", "subject"),
    [
        (Job(), "repo:acme@65/shop@74:ref:refs/heads/main"),
        (Job(environment="prod"), "repo:acme@65/shop@74:environment:prod"),
        (Job(event="pull_request"), "repo:acme@65/shop@74:pull_request"),
    ],
)
def test_the_subject_tells_what_started_the_job(job, subject):
    assert job.subject == subject


def test_the_identity_of_the_tokens_is_a_parameter(one_issuer, monkeypatch):
    monkeypatch.setattr(one_issuer, "job", Job(owner="evil", owner_id="666", environment="prod"))
    claims = one_issuer.github_claims(AUDIENCE)
    assert (claims["repository"], claims["repository_owner_id"]) == ("evil/shop", "666")
    assert claims["workflow_ref"].startswith("evil/shop/.github/workflows/")
    assert claims["environment"] == "prod"


def test_headers_can_be_added_and_replaced(one_issuer):
    header = jwt.get_unverified_header(one_issuer.sign({}, headers={"kid": "other", "jku": "x"}))
    assert (header["kid"], header["jku"], header["typ"], header["alg"]) == ("other", "x", "JWT", "RS256")


async def test_after_rotation_both_keys_are_published_and_the_new_one_signs():
    issuer = StandInIssuer("https://issuer.test")
    old, before = issuer.key, issuer.token(AUDIENCE)
    new = issuer.rotate()
    keys = jwt.PyJWKSet.from_json(issuer.key_set().decode())
    assert {key.key_id for key in keys.keys} == {old.kid, new.kid}
    assert jwt.get_unverified_header(before)["kid"] == old.kid
    assert jwt.get_unverified_header(issuer.token(AUDIENCE))["kid"] == new.kid
    last = issuer.rotate(keep_old=False)
    assert [key.key_id for key in jwt.PyJWKSet.from_json(issuer.key_set().decode()).keys] == [last.kid]


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (KeysFault.ERROR, 500, "application/json"),
        (KeysFault.GARBAGE, 200, "text/html"),
        (KeysFault.REDIRECT, 302, "application/json"),
    ],
)
async def test_the_key_endpoint_can_answer_wrongly(issuer, client, fault, status, kind):
    issuer.keys_fault = fault
    answer = await client.get(f"{issuer.url}/.well-known/jwks")
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert (issuer.keys_fetches, issuer.moved_fetches) == (1, 0)


async def test_who_follows_the_redirect_finds_keys_and_is_counted(issuer, client):
    issuer.keys_fault = KeysFault.REDIRECT
    answer = await client.get(f"{issuer.url}/.well-known/jwks", follow_redirects=True)
    assert answer.content == issuer.key_set()
    assert issuer.moved_fetches == 1


async def test_the_huge_answer_comes_in_pieces_and_can_be_left(issuer):
    issuer.keys_fault = KeysFault.HUGE
    address = httpx.URL(issuer.url)
    # Not by httpx: on Trio it leaves async generators behind when an answer is left before its end.
    async with await trio.open_tcp_stream(address.host, address.port) as stream:
        await stream.send_all(b"GET /.well-known/jwks HTTP/1.1\r\nHost: issuer\r\n\r\n")
        received = b""
        while b"\r\n\r\n  " not in received:
            received += await stream.receive_some()
    assert b"\r\ncontent-length: 80000" in received


@pytest.mark.parametrize(("fault", "received"), [(KeysFault.DRIP, 3), (KeysFault.SILENT, 0)])
async def test_the_key_endpoint_can_dawdle(one_issuer, autojump_clock, fault, received):
    one_issuer.keys_fault = fault
    messages = []

    async def send(message):
        messages.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/.well-known/jwks", "headers": [], "query_string": b""}
    with trio.move_on_after(3.5):
        await one_issuer(scope, receive, send)
    bodies = [message["body"] for message in messages if message["type"] == "http.response.body"]
    assert b"".join(bodies) == one_issuer.key_set()[:received]


async def test_any_body_can_be_published_as_the_key_set(issuer, client):
    issuer.keys_body = b'{"keys":[]}'
    bodies = [(await client.get(f"{issuer.url}/.well-known/jwks")).content for _ in range(2)]
    assert bodies == [b'{"keys":[]}'] * 2
    assert issuer.keys_fetches == 2


def test_tokens_differ_and_are_as_long_as_githubs(one_issuer):
    tokens = [one_issuer.token(AUDIENCE) for _ in range(3)]
    assert all(one != other for one, other in itertools.pairwise(tokens))
    assert all(len(token) < 2_500 for token in tokens)
