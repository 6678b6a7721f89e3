"""Tokens of unknown callers, one for each kind of fault. krt must give all of them the same answer."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from functools import cache

from cryptography.hazmat.primitives import serialization

from krt.dev.signing_key import SigningKey, make_key
from tests.fakes.around import AUDIENCE, Around

_NOW = time.time


@cache
def _another_key() -> SigningKey:
    return make_key()


def _segment(value: Mapping[str, object] | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def alg_none(around: Around) -> str:
    """An unsigned token with `alg: none`."""
    claims = around.issuer.github_claims(AUDIENCE)
    return f"{_segment({'alg': 'none', 'typ': 'JWT', 'kid': around.issuer.key.kid})}.{_segment(claims)}."


def hs256_with_the_public_key(around: Around) -> str:
    """A token signed by HS256, with the public key as the secret."""
    claims = around.issuer.github_claims(AUDIENCE)
    signed = f"{_segment({'alg': 'HS256', 'typ': 'JWT', 'kid': around.issuer.key.kid})}.{_segment(claims)}"
    public = around.issuer.key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"{signed}.{_segment(hmac.digest(public, signed.encode(), hashlib.sha256))}"


def under_another_key(around: Around) -> str:
    """A token signed with another key, under the id of the issuer's key."""
    issuer = around.issuer
    return issuer.sign(issuer.github_claims(AUDIENCE), key=_another_key(), headers={"kid": issuer.key.kid})


def of_an_unknown_key(around: Around) -> str:
    """A token signed with a key that is not published."""
    return around.issuer.sign(around.issuer.github_claims(AUDIENCE), key=_another_key())


def _ended(around: Around) -> str:
    now = int(_NOW())
    return around.token(nbf=now - 1200, iat=now - 600, exp=now - 300)


TOKENS: Mapping[str, Callable[[Around], str | None]] = {
    "no token": lambda _: None,
    "garbage": lambda _: "garbage",
    "three dots": lambda _: "a.b.c",
    "cut": lambda around: around.token()[:-5],
    "longer": lambda around: around.token() + "A",
    "huge": lambda _: "a" * 9000,
    "expired": _ended,
    "not yet valid": lambda around: around.token(nbf=int(_NOW()) + 100, iat=int(_NOW()) + 100, exp=int(_NOW()) + 200),
    "wrong audience": lambda around: around.token(audience="https://other.example.com"),
    "GitHub's usual audience": lambda around: around.token(audience="https://github.com/acme"),
    "wrong issuer": lambda around: around.token(iss="https://token.actions.example.com"),
    "no issuer": lambda around: around.token(iss=...),
    "no jti": lambda around: around.token(jti=...),
    "unknown key": of_an_unknown_key,
    "other key": under_another_key,
    "alg none": alg_none,
    "HS256 with the public key": hs256_with_the_public_key,
    "unknown organisation": lambda around: around.token(
        repository_owner="evil", repository_owner_id="66", repository="evil/shop"
    ),
    "another organisation of the name": lambda around: around.token(repository_owner_id="66"),
}
"""The tokens. Everything else in their requests is valid."""
