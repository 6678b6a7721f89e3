import dataclasses

import pytest

from krt.core.caller.identity import Identity, Rejection, VerifiedClaims, from_claims
from krt.errors import TokenRejected
from tests.oidc.tokens import claims

REQUIRED = [
    "iss",
    "jti",
    "exp",
    "ref",
    "sha",
    "event_name",
    "run_id",
    "run_attempt",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
]
OPTIONAL = [
    "actor",
    "actor_id",
    "environment",
    "workflow_ref",
    "job_workflow_ref",
    "job_workflow_sha",
    "ref_protected",
    "runner_environment",
    "repository_visibility",
]


def identity(**changes: object) -> Identity:
    return from_claims(VerifiedClaims(claims(**changes)))


def assert_refused(**changes: object) -> None:
    with pytest.raises(TokenRejected) as caught:
        identity(**changes)
    assert caught.value.reason is Rejection.BAD_CLAIMS


def test_every_field_is_the_claim_of_its_name() -> None:
    given = claims(environment="dev")
    known = dataclasses.asdict(from_claims(VerifiedClaims(given)))
    assert (known.pop("issuer"), known.pop("expires_at")) == (given["iss"], given["exp"])
    assert known.pop("run_url").startswith(f"https://github.com/{given['repository']}/actions/")
    assert known == {name: given[name] for name in known}


@pytest.mark.parametrize("claim", REQUIRED)
@pytest.mark.parametrize("value", [..., None, 74, 74.0, True, ["74"], {"id": "74"}])
def test_a_missing_or_mistyped_claim_is_refused(claim: str, value: object) -> None:
    if claim == "exp" and value == 74 and type(value) is int:
        return  # what it should be; the time is judged elsewhere
    assert_refused(**{claim: value})


@pytest.mark.parametrize("claim", OPTIONAL)
def test_a_claim_that_not_every_issuer_makes_may_be_absent(claim: str) -> None:
    assert getattr(identity(**{claim: ...}), claim) is None
    assert getattr(identity(**{claim: None}), claim) is None


@pytest.mark.parametrize("claim", OPTIONAL)
@pytest.mark.parametrize("value", [1, True, ["x"], {}, "x" * 1025, "a\nb", "a\x1b[2J", "a\u2028b", "a\x85b", "\ud800"])
def test_an_optional_claim_of_another_form_is_refused(claim: str, value: object) -> None:
    assert_refused(**{claim: value})


@pytest.mark.parametrize("claim", ["repository_id", "repository_owner_id", "run_id", "run_attempt"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "065",
        "65 ",
        " 65",
        "65\n",
        "+65",
        "-65",
        "6_5",
        "6.5",
        "0x41",
        "٦٥",
        "\uff16\uff15",
        "²",
        "1" * 21,
    ],
)
def test_an_id_is_a_number_in_ascii_written_in_one_way(claim: str, value: str) -> None:
    assert_refused(**{claim: value})


@pytest.mark.parametrize("value", ["", " ", "a b", "a\n", "é", "x" * 129, "\x7f"])
def test_a_jti_is_short_and_visible_ascii(value: str) -> None:
    assert_refused(jti=value)


@pytest.mark.parametrize(
    "value",
    ["", "shop", "acme/", "/shop", "acme/shop/x", "acme/shop\n", "acme/shóp", "a b/c", "a" * 101 + "/b"],
)
def test_a_repository_is_an_owner_and_a_name(value: str) -> None:
    assert_refused(repository=value)


@pytest.mark.parametrize("value", ["", "acme/shop", "\u212aelvin", "a" * 101])
def test_an_owner_is_a_name_in_ascii(value: str) -> None:
    assert_refused(repository_owner=value)


@pytest.mark.parametrize("claim", ["ref", "sha", "event_name", "iss"])
def test_a_claim_is_of_bounded_length_and_without_control_characters(claim: str) -> None:
    assert_refused(**{claim: "x" * 1025})
    assert_refused(**{claim: 'x\r\n{"level":"x"}'})


@pytest.mark.parametrize("ref", ["", "refs/heads/größe", "refs/heads/👩‍💻", "refs/tags/v1"])
def test_a_ref_is_any_ref_of_git_or_none(ref: str) -> None:
    assert identity(ref=ref).ref == ref


@pytest.mark.parametrize("sub", [..., "", 1, "repo:acme@65/shop@74:ref:refs/heads/main", "repo:evil/evil:x"])
def test_the_subject_decides_nothing(sub: object) -> None:
    assert identity(sub=sub) == identity()


def test_claims_that_nobody_asked_for_are_ignored() -> None:
    assert identity(repo_property_team="\n", check_run_id=7, enterprise=["x"]) == identity()


@pytest.mark.parametrize(
    ("issuer", "server"),
    [
        ("https://token.actions.githubusercontent.com", "https://github.com"),
        ("https://token.actions.githubusercontent.com/octo-enterprise", "https://github.com"),
        ("https://token.actions.octo.ghe.com", "https://octo.ghe.com"),
        ("https://github.example.com/_services/token", "https://github.example.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
    ],
)
def test_the_run_has_a_page_on_the_issuers_server(issuer: str, server: str) -> None:
    assert identity(iss=issuer).run_url == f"{server}/acme/shop/actions/runs/1959414638/attempts/1"


def test_an_identity_has_no_place_for_a_token_and_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        identity().repository = "evil/evil"  # type: ignore[misc]
