"""Reads a token's claims without verifying them: only to know its age and to explain a refusal in the job's log."""

import binascii
from base64 import urlsafe_b64decode

import msgspec

Claim = str | int | bool | None  # GitHub sends strings only; other forges do not


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims that krt web reads (docs.github.com, "OpenID Connect reference"). Here all are optional."""

    iss: Claim = None
    aud: str | list[str] | None = None
    jti: Claim = None
    repository: Claim = None
    repository_id: Claim = None
    repository_owner: Claim = None
    repository_owner_id: Claim = None
    repository_visibility: Claim = None
    event_name: Claim = None
    ref: Claim = None
    ref_protected: Claim = None
    sha: Claim = None
    environment: Claim = None
    workflow_ref: Claim = None
    job_workflow_ref: Claim = None
    job_workflow_sha: Claim = None
    runner_environment: Claim = None
    actor: Claim = None
    actor_id: Claim = None
    run_id: Claim = None
    run_attempt: Claim = None
    iat: int | float | None = None
    nbf: int | float | None = None
    exp: int | float | None = None


def read(token: str) -> Claims:
    """The payload of a token that has three parts. Empty claims if it cannot be read."""
    payload = token.split(".")[1]
    try:
        return msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Claims)
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Claims()


def lifetime_seconds(claims: Claims, now: float) -> float:
    """How many seconds the token stays valid, at most; 0 without `exp`. `now` is in seconds since the epoch.

    A runner's clock may be wrong by minutes, so the result is never more than exp - iat.
    """
    if claims.exp is None:
        return 0
    by_clock = claims.exp - now
    return by_clock if claims.iat is None else min(by_clock, claims.exp - claims.iat)
