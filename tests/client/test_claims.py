import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.client.claims import Claims, lifetime_seconds, read
from tests.client.actions import a_token


def test_the_claims_are_those_of_the_payload() -> None:
    claims = read(a_token(environment="dev"))
    assert (claims.repository, claims.repository_id, claims.environment) == ("acme/shop", "74", "dev")


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"exp": "soon"}', b'{"aud": {}}', b"[" * 100_000, b'{"ref": []}'],
)
def test_an_unreadable_payload_has_no_claims(payload: bytes) -> None:
    assert read(f"h.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.s") == Claims()


@given(st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", fullmatch=True))
def test_reading_never_fails(token: str) -> None:
    assert isinstance(read(token), Claims)


@pytest.mark.parametrize(
    ("claims", "seconds"),
    [
        ({"iat": 1000, "exp": 1300}, 290),
        ({"exp": 1300}, 290),
        ({"iat": 5000, "exp": 5300}, 300),  # this clock is behind
        ({"iat": 10, "exp": 310}, -700),  # this clock is ahead
        ({}, 0),
    ],
)
def test_a_token_lives_no_longer_than_clock_and_issuer_say(claims: dict[str, int], seconds: float) -> None:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert lifetime_seconds(read(f"h.{payload}.s"), now=1010) == seconds
