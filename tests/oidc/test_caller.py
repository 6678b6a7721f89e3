"""The whole way from headers to identity, with keys from a real socket."""

from collections.abc import AsyncIterator
from statistics import median
from time import perf_counter

import pytest
import trio

from krt.core.caller.identity import Identity
from krt.errors import KeysUnavailable, TokenRejected
from krt.oidc.caller import identify
from krt.oidc.config import parse_issuer
from krt.oidc.fetch import fetcher
from krt.oidc.keys import KeyRing, Schedule, key_ring_of
from krt.oidc.keyset import KeySet
from tests.fakes.key_endpoint import Answer, KeyEndpoint, answering, hanging_up, key_endpoint, silence
from tests.fakes.pace import slack
from tests.oidc.tokens import AUDIENCE, HEADER, NOW, claims, jwk, key_set_body, private_key, segment, token

COOL_DOWN_SECONDS = 0.04


@pytest.fixture
async def endpoint() -> AsyncIterator[KeyEndpoint]:
    async with key_endpoint(answering(key_set_body())) as endpoint:
        yield endpoint


@pytest.fixture
async def ring(endpoint: KeyEndpoint, nursery: trio.Nursery) -> KeyRing:
    """A ring that has its keys."""
    fetch = fetcher(parse_issuer(endpoint.url).keys_url, proxy=None, ca_file=None, deadline_seconds=0.2)
    answered = trio.Event()

    async def fetch_and_say() -> KeySet:
        try:
            return await fetch()
        finally:
            answered.set()

    ring = KeyRing(fetch_and_say, Schedule(cool_down_seconds=COOL_DOWN_SECONDS))
    await nursery.start(ring.keep_fresh)
    await answered.wait()
    return ring


def called(ring: KeyRing, endpoint: KeyEndpoint, text: str | None = None) -> Identity:
    text = text or token(claims(iss=endpoint.url))
    headers = [(b"host", b"krt"), (b"authorization", b"Bearer " + text.encode())]
    return identify(headers, ring=ring, issuer=endpoint.url, audience=AUDIENCE, clock=lambda: NOW)


async def test_a_genuine_token_is_known_by_the_published_key(ring: KeyRing, endpoint: KeyEndpoint) -> None:
    assert called(ring, endpoint).repository == "acme/shop"
    assert endpoint.looks == 1


async def test_nobody_can_be_known_without_keys(endpoint: KeyEndpoint) -> None:
    ring = await key_ring_of(endpoint.url)
    with pytest.raises(KeysUnavailable):
        called(ring, endpoint)
    with pytest.raises(TokenRejected, match="missing"):
        identify([], ring=ring, issuer=endpoint.url, audience=AUDIENCE)


async def test_a_known_key_asks_for_no_look_however_bad_the_token(ring: KeyRing, endpoint: KeyEndpoint) -> None:
    other = private_key(2048, 1)
    address = f"{endpoint.url}/evil"
    for text in (
        token(key=other),
        token(header={**HEADER, "jku": address, "x5u": address, "jwk": jwk(other)}, key=other),
        token(claims(iss=address)),
        token(header={**HEADER, "kid": "a b"}),
        "a.b.c",
    ):
        with pytest.raises(TokenRejected):
            called(ring, endpoint, text)
    assert not ring._wanted.is_set()
    assert endpoint.looks == 1


@pytest.mark.parametrize(
    "answer",
    [answering(key_set_body()), answering(b"", status="500 Oops"), hanging_up, silence, answering(b"<html>")],
)
async def test_ten_thousand_unknown_keys_hold_up_no_genuine_token(
    endpoint: KeyEndpoint, ring: KeyRing, answer: Answer
) -> None:
    endpoint.answer = answer
    genuine, began, waits = token(claims(iss=endpoint.url)), perf_counter(), []
    for number in range(10_000):
        with pytest.raises(TokenRejected, match="unknown_key"):
            called(ring, endpoint, unsigned(kid=f"unknown-{number}"))
        if number % 100 == 0:
            await trio.lowlevel.checkpoint()
            called_at = perf_counter()
            assert called(ring, endpoint, genuine)
            waits.append(perf_counter() - called_at)
    assert median(waits) < slack(0.05)
    assert 2 <= endpoint.looks <= 2 + (perf_counter() - began) / COOL_DOWN_SECONDS


def unsigned(kid: str) -> str:
    """A token that is refused before its signature matters."""
    return f"{segment({**HEADER, 'kid': kid})}.e30.AAAA"
