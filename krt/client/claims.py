"""Reads a token's claims without verifying them: only to know its age and to explain a refusal in the job's log."""

import binascii
from base64 import urlsafe_b64decode

import msgspec

Value = str | int | bool | None  # GitHub sends strings only; other forges do not


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims that krt web reads (docs.github.com, "OpenID Connect reference"). Here all are optional."""

    iss: Value = None
    aud: str | list[str] | None = None
    jti: Value = None
    repository: Value = None
    repository_id: Value = None
    repository_owner: Value = None
    repository_owner_id: Value = None
    repository_visibility: Value = None
    event_name: Value = None
    ref: Value = None
    ref_protected: Value = None
    sha: Value = None
    environment: Value = None
    workflow_ref: Value = None
    job_workflow_ref: Value = None
    job_workflow_sha: Value = None
    runner_environment: Value = None
    actor: Value = None
    actor_id: Value = None
    run_id: Value = None
    run_attempt: Value = None
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
    """How many seconds the token stays valid, at most. `now` is in seconds since the epoch.

    A runner's clock may be wrong by minutes, so the result is never more than exp - iat.
    """
    if claims.exp is None:
        return 0
    by_clock = claims.exp - now
    return by_clock if claims.iat is None else min(by_clock, claims.exp - claims.iat)
