"""Who is calling: the identity that a token's verified claims give, and a code for each reason to reject a token."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from urllib.parse import urlsplit

from krt.errors import TokenRejected

# The claims of a token after its signature, issuer, audience and times were checked. krt.oidc.token checks all of them.
# `krt check-policy` and `krt notify` do not: they explain a token to a person who has it, and admit nobody.
VerifiedClaims = NewType("VerifiedClaims", Mapping[str, object])

_ID = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_JTI = re.compile(r"[!-~]{1,128}")
_OWNER = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REPOSITORY = re.compile(rf"{_OWNER.pattern}/{_OWNER.pattern}")
# Characters that break a line or control a terminal, and surrogates. git allows none of the ASCII ones in a ref.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MOST_CHARACTERS = 1024  # of a claim; the longest are workflow refs: repository, path and ref, each up to 255


class Rejection(StrEnum):
    """Every `reason` of a TokenRejected. They are the values of a metric's label, so the set is closed."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    BAD_HEADER = "bad_header"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BAD_TIMES = "bad_times"
    BAD_CLAIMS = "bad_claims"
    INTERNAL = "internal"
    NO_RULE = "no_rule"  # a genuine token, but no rule of the policy names the caller


@dataclass(frozen=True, slots=True)
class Identity:
    """A job of GitHub Actions, as the token's issuer describes it. Only `from_claims` builds one.

    GitHub can give the name of a repository or owner to somebody else, but never an id. An optional field is None if
    the token lacks the claim. Source: https://docs.github.com/en/actions/reference/security/oidc
    """

    issuer: str
    jti: str
    expires_at: int  # seconds since the epoch
    run_url: str  # the page of this attempt of this run, for people
    repository: str  # owner/name
    repository_id: str
    repository_owner: str
    repository_owner_id: str
    ref: str  # empty for a deployment by sha
    sha: str
    event_name: str
    run_id: str
    run_attempt: str
    actor: str | None
    actor_id: str | None
    environment: str | None
    workflow_ref: str | None
    job_workflow_ref: str | None
    job_workflow_sha: str | None
    ref_protected: str | None  # "true" or "false"
    runner_environment: str | None
    repository_visibility: str | None

    @property
    def repository_name(self) -> str:
        """The part of `repository` after its owner."""
        return self.repository.partition("/")[2]


def from_claims(payload: VerifiedClaims) -> Identity:
    """The identity that these claims describe; unknown claims are ignored. Raises TokenRejected ("bad_claims")."""
    expires_at = payload.get("exp")
    if type(expires_at) is not int:  # not isinstance(): a bool is an instance of int
        raise TokenRejected(Rejection.BAD_CLAIMS)
    issuer, repository = _text(payload, "iss"), _text(payload, "repository", _REPOSITORY)
    run_id, run_attempt = _text(payload, "run_id", _ID), _text(payload, "run_attempt", _ID)
    return Identity(
        issuer=issuer,
        jti=_text(payload, "jti", _JTI),
        expires_at=expires_at,
        run_url=f"{_server_url(issuer)}/{repository}/actions/runs/{run_id}/attempts/{run_attempt}",
        repository=repository,
        repository_id=_text(payload, "repository_id", _ID),
        repository_owner=_text(payload, "repository_owner", _OWNER),
        repository_owner_id=_text(payload, "repository_owner_id", _ID),
        ref=_text(payload, "ref"),
        sha=_text(payload, "sha"),
        event_name=_text(payload, "event_name"),
        run_id=run_id,
        run_attempt=run_attempt,
        actor=_optional(payload, "actor"),
        actor_id=_optional(payload, "actor_id"),
        environment=_optional(payload, "environment"),
        workflow_ref=_optional(payload, "workflow_ref"),
        job_workflow_ref=_optional(payload, "job_workflow_ref"),
        job_workflow_sha=_optional(payload, "job_workflow_sha"),
        ref_protected=_optional(payload, "ref_protected"),
        runner_environment=_optional(payload, "runner_environment"),
        repository_visibility=_optional(payload, "repository_visibility"),
    )


def _text(payload: VerifiedClaims, claim: str, form: re.Pattern[str] | None = None) -> str:
    value = _optional(payload, claim)
    if value is None or (form is not None and not form.fullmatch(value)):
        raise TokenRejected(Rejection.BAD_CLAIMS)
    return value


def _optional(payload: VerifiedClaims, claim: str) -> str | None:
    value = payload.get(claim)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS or _CONTROL.search(value):
        raise TokenRejected(Rejection.BAD_CLAIMS)
    return value


def _server_url(issuer: str) -> str:
    """The URL under which people see this issuer's repositories. No claim has it, so it is made from the issuer's URL.

    The issuer of github.com and of ghe.com has the host `token.actions.…`. The issuer of a GitHub Enterprise Server is
    a path on the server's own host.
    """
    url = urlsplit(issuer)
    if url.hostname == "token.actions.githubusercontent.com":
        return "https://github.com"
    return f"{url.scheme}://{url.netloc.removeprefix('token.actions.')}"
