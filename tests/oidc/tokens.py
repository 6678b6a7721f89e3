"""Tokens as GitHub makes them, and as nobody should: signed with real keys, bent at will."""

import base64
import json
from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from krt.oidc.keyset import KeySet, parse_key_set

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "https://krt.example.com"
NOW = 1_763_690_000
KID = "cc413527-173f-5a05-976e-9c52b1d7b431"

HEADER = {"typ": "JWT", "alg": "RS256", "kid": KID, "x5t": "ykNaY4qM_ta4k2TgZOCEYLkcYlA"}
CLAIMS: Mapping[str, object] = {
    "jti": "6fbebfe3-9eb4-4028-a592-5422768b53bc",
    "sub": "repo:acme/shop:ref:refs/heads/main",
    "aud": AUDIENCE,
    "ref": "refs/heads/main",
    "sha": "796a6cfb48152b077701fced55d480bf1d90e1e2",
    "repository": "acme/shop",
    "repository_id": "74",
    "repository_owner": "acme",
    "repository_owner_id": "65",
    "repository_visibility": "private",
    "run_id": "1959414638",
    "run_number": "15",
    "run_attempt": "1",
    "actor": "octocat",
    "actor_id": "12",
    "workflow": "CI",
    "workflow_ref": "acme/shop/.github/workflows/ci.yml@refs/heads/main",
    "workflow_sha": "796a6cfb48152b077701fced55d480bf1d90e1e2",
    "head_ref": "",
    "base_ref": "",
    "event_name": "push",
    "ref_type": "branch",
    "ref_protected": "true",
    "job_workflow_ref": "acme/shop/.github/workflows/ci.yml@refs/heads/main",
    "job_workflow_sha": "796a6cfb48152b077701fced55d480bf1d90e1e2",
    "runner_environment": "github-hosted",
    "iss": ISSUER,
    "nbf": NOW - 600,
    "iat": NOW,
    "exp": NOW + 300,
}


@cache
def private_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """The same key for the same arguments, all tests long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def claims(**changes: object) -> dict[str, object]:
    """GitHub's claims with these changes; `...` takes a claim away."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}


def token(
    payload: Mapping[str, object] | bytes = CLAIMS,
    header: Mapping[str, object] | bytes = HEADER,
    *,
    key: rsa.RSAPrivateKey | None = None,
) -> str:
    """A token of these parts, signed with RS256 whatever its header says; bytes go in as they are."""
    signed = f"{segment(header)}.{segment(payload)}"
    signature = (key or private_key()).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encoded(signature)}"


def segment(value: Mapping[str, object] | bytes) -> str:
    """A part of a token."""
    return encoded(value if isinstance(value, bytes) else json.dumps(value).encode())


def encoded(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key: rsa.RSAPrivateKey | None = None, **changes: object) -> dict[str, object]:
    """The published form of a key, as GitHub writes it; `...` takes a member away."""
    numbers = (key or private_key()).public_key().public_numbers()
    own = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KID, "n": uint(numbers.n), "e": uint(numbers.e)}
    return {name: value for name, value in {**own, **changes}.items() if value is not ...}


def uint(number: int) -> str:
    """A number of a key (RFC 7518, section 2)."""
    return encoded(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def key_set_body(*keys: Mapping[str, object]) -> bytes:
    """What an issuer publishes; without arguments, the key that `token` signs with."""
    return json.dumps({"keys": keys or [jwk()]}).encode()


@cache
def key_set() -> KeySet:
    """The set that holds the key that `token` signs with."""
    return parse_key_set(key_set_body())
