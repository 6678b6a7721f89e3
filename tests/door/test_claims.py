"""Rows D1 to D17 against the real process, with tokens that the issuer did sign."""

import json
import time

import pytest

from tests.door.door import D401, Door, Watch, constant, request
from tests.oidc import hostile
from tests.serving.raw import Reply


async def assert_unknown(door: Door, watch: Watch, token: str) -> None:
    async with watch.nothing_accepted():
        assert constant(await door.exchange(request(token=token))) == D401
    assert watch.fetches() == 0


UNKNOWN = [
    *(("iss", issuer) for issuer in hostile.OTHER_ISSUERS),
    *(("aud", audience) for audience in hostile.OTHER_AUDIENCES),
    *((claim, value) for claim in hostile.REGISTERED_CLAIMS for value in (..., None)),
    *((claim, value) for claim in ("exp", "iat", "nbf") for value in hostile.NO_TIMES),
    *(("jti", value) for value in hostile.NO_TOKEN_IDS),
    *((claim, value) for claim in ("repository_id", "repository_owner_id") for value in hostile.NO_IDS),
    # D10: a recycled name
    ("repository_owner_id", "650"),
    ("repository_owner_id", "1"),
    *(
        (claim, value)
        for claim in ("repository", "ref", "actor")
        for value in ("a\nb", "\x1b[2J", "\u2028", "x" * 2000)
    ),
]


@pytest.mark.parametrize(("claim", "value"), UNKNOWN)
async def test_a_claim_of_another_form_or_value(claim: str, value: object, door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, door.newcomer(**{claim: value}))


@pytest.mark.parametrize("audience", ["https://github.com/acme", "https://github.com/"])
async def test_githubs_own_audience(audience: str, door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, door.newcomer(aud=audience))


@pytest.mark.parametrize(
    # Not those near a bound: the clock is the wall's here, and goes on.
    ("times", "reason"),
    [row for row in hostile.TIMES if row[1] is not None and abs(min(row[0].values())) > 60],
)
async def test_a_token_out_of_its_time(times: dict[str, int], reason: str, door: Door, watch: Watch) -> None:
    now = int(time.time())
    token = door.newcomer(**{name: now + seconds for name, seconds in times.items()})
    await assert_unknown(door, watch, token)
    reply = await door.exchange(request(token=token))
    assert (await door.line_of(reply))["reason"] == reason


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", hostile.NO_NUMBERS)
async def test_a_time_that_is_no_number(claim: str, value: str, door: Door, watch: Watch) -> None:
    claims = door.claims()
    written = json.dumps(claims).replace(f'"{claim}": {claims[claim]}', f'"{claim}": {value}')
    await assert_unknown(door, watch, door.token(written.encode()))


# Rows D11 to D15: a policy that asks for everything

STRICT = {
    "repository": "strict/shop",
    "repository_owner": "strict",
    "repository_owner_id": "66",
    "job_workflow_ref": "strict/shop/.github/workflows/ci.yml@refs/heads/main",
    "environment": "Dev",
}
STRICT_BODY = json.dumps({"image": "ghcr.io/strict/shop", "tags": ["dev", "pr-1"]}).encode()
WRONG = [
    *(
        ("events", "event_name", event)
        for event in ("pull_request", "pull_request_target", "issue_comment", "", "PUSH")
    ),
    *(("events", "event_name", event) for event in ("workflow_run", "merge_group")),
    *(("ref", "ref", ref) for ref in ("", "refs/heads/main-evil", "refs/heads/main/x", "refs/tags/main", "main")),
    *(("environment", "environment", name) for name in (..., "", "prod", "dev ", "\u0501ev")),
    *(
        ("workflow", "job_workflow_ref", f"strict/shop/.github/workflows/{rest}")
        for rest in (
            *("evil.yml@refs/heads/main", "ci.yml@refs/heads/evil", "ci.yml@", "ci.yml", "ci.yml@main"),
            *("ci.yml@x.yml@refs/heads/main", "ci.yaml@refs/heads/main", "ci.yml@refs/heads/main@refs/heads/main"),
        )
    ),
    ("workflow", "job_workflow_ref", "evil/shop/.github/workflows/ci.yml@refs/heads/main"),
    ("workflow", "job_workflow_ref", ""),
    ("workflow", "job_workflow_ref", ...),
    *(("runner", "runner_environment", kind) for kind in ("self-hosted", ..., "")),
    *(("protected", "ref_protected", word) for word in ("false", ..., "True", "")),
]


def strict(door: Door, **changes: object) -> str:
    return door.newcomer(**{**STRICT, **changes})


def field_of(reply: Reply) -> str:
    assert (reply.status, reply.headers["content-type"]) == (403, "application/problem+json")
    return str(json.loads(reply.body)["field"])


async def test_a_caller_for_whom_all_fields_hold_is_admitted(door: Door, watch: Watch) -> None:
    assert (await door.exchange(request(token=strict(door), body=STRICT_BODY))).status == 202


@pytest.mark.parametrize(("field", "claim", "value"), WRONG)
async def test_a_field_that_does_not_hold_is_named(
    field: str, claim: str, value: object, door: Door, watch: Watch
) -> None:
    async with watch.nothing_accepted():
        token = strict(door, **{claim: value})
        assert field_of(await door.exchange(request(token=token, body=STRICT_BODY))) == field
    assert watch.fetches() == 0


# Row D10: renamed, recycled, moved


@pytest.mark.parametrize("name", ["named/shop", "named/store", "NAMED/Shop"])
async def test_a_renamed_repository_goes_on_by_its_id_and_is_said(name: str, door: Door) -> None:
    said = len(door.process.events("policy_name_drifted"))
    token = door.token(repository=name, repository_id="76", repository_owner="named", repository_owner_id="68")
    body = json.dumps({"image": "ghcr.io/named/shop", "tags": ["dev"]}).encode()
    assert (await door.exchange(request(token=token, body=body))).status == 202
    drifted = door.process.events("policy_name_drifted")[said:]
    assert [line["now"] for line in drifted] == (["named/store"] if name == "named/store" else [])


@pytest.mark.parametrize(
    "ids",
    [
        {"repository_id": "77"},
        {"repository_owner_id": "69"},
        {"repository_id": "77", "repository_owner_id": "69"},
    ],
)
async def test_a_recycled_name_is_a_stranger(ids: dict[str, object], door: Door, watch: Watch) -> None:
    own = {"repository": "named/shop", "repository_id": "76", "repository_owner": "named", "repository_owner_id": "68"}
    await assert_unknown(door, watch, door.token(**{**own, **ids}))


# Rows D16 and D17


@pytest.mark.parametrize(
    "sub", [..., "", "repo:evil/evil:ref:refs/heads/main", "repo:acme@65/shop@74:environment:x", 1]
)
async def test_the_subject_makes_no_difference(sub: object, door: Door) -> None:
    assert (await door.exchange(door.good(sub=sub))).status == 202


async def test_claims_that_krt_does_not_know_are_neither_read_nor_logged(door: Door) -> None:
    extra = {"repo_property_secret": "pr0perty-value", "check_run_id": 7, "enterprise": {"name": "pr0perty-value"}}
    assert (await door.exchange(door.good(**extra))).status == 202
    assert "pr0perty-value" not in door.process.log.read_text()


# Rows E4, E5, E7: images and tags of others


@pytest.mark.parametrize(
    ("image", "tags", "field"),
    [
        ("ghcr.io/emca/one", ["dev"], None),
        ("ghcr.io/emca/two", ["prod"], None),
        ("ghcr.io/emca/one", ["prod"], "tags"),
        ("ghcr.io/emca/two", ["dev"], "tags"),
        ("ghcr.io/emca/one", ["dev", "prod"], "tags"),
        ("ghcr.io/emca/three", ["dev"], "images"),
        ("ghcr.io/emca", ["dev"], "images"),
        ("ghcr.io/emca/one/x", ["dev"], "images"),
        ("ghcr.io/emca/one-evil", ["dev"], "images"),
        ("ghcr.io/emca-evil/one", ["dev"], "images"),
        ("ghcr.io:443/emca/one", ["dev"], "images"),
        ("evil.io/emca/one", ["dev"], "images"),
        ("emca/one", ["dev"], "images"),
    ],
)
async def test_one_rule_must_hold_entirely(
    image: str, tags: list[str], field: str | None, door: Door, watch: Watch
) -> None:
    token = door.newcomer(repository="emca/any", repository_owner="emca", repository_owner_id="67")
    sent = request(token=token, body=json.dumps({"image": image, "tags": tags}).encode())
    if field is None:
        assert (await door.exchange(sent)).status == 202
        return
    async with watch.nothing_accepted():
        assert field_of(await door.exchange(sent)) == field
    assert watch.fetches() == 0


@pytest.mark.parametrize(
    ("repository", "image", "whether"),
    [
        ("acme/shop", "ghcr.io/acme/shop", True),
        ("acme/Shop", "ghcr.io/acme/shop", True),
        ("acme/shop", "ghcr.io/acme/shop/web", True),
        ("acme/shop", "ghcr.io/acme/cart", False),
        ("acme/shop", "ghcr.io/acme/shop-evil", False),
        ("acme/.github", "ghcr.io/acme/.github", False),
        ("acme/-", "ghcr.io/acme/x", False),
    ],
)
async def test_a_repository_announces_its_own_image(repository: str, image: str, whether: bool, door: Door) -> None:
    body = json.dumps({"image": image, "tags": ["dev"]}).encode()
    reply = await door.exchange(door.good(body, repository=repository))
    assert reply.status == (202 if whether else 400 if "/.github" in image else 403)
