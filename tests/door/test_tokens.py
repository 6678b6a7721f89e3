"""Rows B1 to B12 against the real process: one answer to all of them, no effect, no look at the issuer."""

import json

import pytest

from tests.door.door import D401, Door, Watch, constant, request
from tests.oidc import hostile
from tests.oidc.tokens import HEADER, encoded, jwk, private_key, segment

EVIL = private_key(2048, 1)


def fits(value: bytes) -> bool:
    """Whether a header can hold it: line ends and NUL are the transport's rows, white space at its end is HTTP's."""
    return not value.endswith(b" ") and not set(value) & set(b"\r\n\x00")


def header(**changes: object) -> dict[str, object]:
    return {name: value for name, value in {**HEADER, **changes}.items() if value is not ...}


async def assert_unknown(door: Door, watch: Watch, *sent: bytes) -> None:
    async with watch.nothing_accepted():
        assert constant(await door.exchange(*sent)) == D401
    assert watch.fetches() == 0


async def test_no_token_is_the_constant_401(door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, request())


@pytest.mark.parametrize("value", [value for value in hostile.MALFORMED_AUTHORIZATIONS if fits(value)])
async def test_a_malformed_authorization(value: bytes, door: Door, watch: Watch) -> None:
    genuine = door.newcomer().encode()
    await assert_unknown(door, watch, request(b"Authorization: " + value.replace(b"a.b.c", genuine)))


async def test_two_authorizations(door: Door, watch: Watch) -> None:
    for second in (b"Bearer " + door.newcomer().encode(), b"Basic eDp5"):
        await assert_unknown(door, watch, request(b"Authorization: " + second, token=door.newcomer()))


@pytest.mark.parametrize("name", hostile.OTHER_HEADERS)
async def test_a_token_in_another_header(name: bytes, door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, request(name + b": Bearer " + door.newcomer().encode()))


async def test_a_token_in_body_and_cookie(door: Door, watch: Watch) -> None:
    body = json.dumps({"image": "ghcr.io/acme/shop", "tags": ["dev"], "access_token": door.newcomer()}).encode()
    await assert_unknown(door, watch, request(b"Cookie: token=" + door.newcomer().encode(), body=body))


async def test_a_token_in_the_query_is_no_path_of_ours(door: Door, watch: Watch) -> None:
    async with watch.nothing_accepted():
        reply = await door.exchange(request(path=b"/event?access_token=" + door.newcomer().encode()))
        assert (reply.status, reply.body) == (404, b"")


def bent(number: int, token: str) -> bytes:
    return b"Bearer " + hostile.BENT[number](token).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("number", [number for number in range(len(hostile.BENT)) if fits(bent(number, "a.b_-.c"))])
async def test_a_bent_token(number: int, door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, request(b"Authorization: " + bent(number, door.newcomer())))


async def test_a_token_too_long(door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, request(token=door.newcomer(padding="x" * 7000)))


ROWS = {
    "another algorithm": [lambda d, alg=alg: d.token(None, header(alg=alg)) for alg in hostile.OTHER_ALGORITHMS],
    "a parameter named twice": [
        lambda d, twice=twice: d.token(None, (json.dumps(HEADER)[:-1] + f', "{twice}": "RS256"}}').encode())
        for twice in hostile.NAMED_TWICE
    ],
    "a parameter that changes what is signed": [
        lambda d, more=more: d.token(None, header(**more)) for more in hostile.CHANGING_PARAMETERS
    ],
    "another type": [lambda d, typ=typ: d.token(None, header(typ=typ)) for typ in hostile.OTHER_TYPES],
    "a key id that is none": [lambda d, kid=kid: d.token(None, header(kid=kid)) for kid in hostile.NO_KEY_IDS],
    "a header that is none": [lambda d, data=data: d.token(None, data) for data in hostile.NO_HEADERS],
    "a signature made up": [
        lambda d, made=made: d.keep(f"{d.newcomer().rpartition('.')[0]}.{made}") for made in hostile.MADE_UP_SIGNATURES
    ],
    "a payload that is none": [lambda d, payload=payload: d.token(payload) for payload in hostile.NO_OBJECTS],
    "a payload with two readings": [
        lambda d, number=number: d.token(hostile.with_two_readings(json.dumps(d.claims()))[number])
        for number in range(len(hostile.with_two_readings("{}")))
    ],
    "another key": [
        lambda d: d.token(key=EVIL),
        lambda d: d.token(None, header(jwk=jwk(EVIL)), key=EVIL),
    ],
    "changed after it was signed": [
        lambda d: _changed(d, 0, segment(header(x5t="other"))),
        lambda d: _changed(d, 1, segment(d.claims(repository="evil/evil"))),
    ],
    "signed with the public key": [
        lambda d, secret=secret, alg=alg: d.keep(hostile.by_hmac(secret, alg))
        for secret in hostile.PUBLIC_SECRETS
        for alg in ("HS256", "RS256")
    ],
    "not signed": [lambda d: d.keep(f"{segment(header(alg='none'))}.{segment(d.claims())}.AA")],
}


def _changed(door: Door, part: int, value: str) -> str:
    parts = door.token().split(".")
    parts[part] = value
    return door.keep(".".join(parts))


@pytest.mark.parametrize(("name", "number"), [(name, i) for name, row in ROWS.items() for i in range(len(row))])
async def test_a_forged_token(name: str, number: int, door: Door, watch: Watch) -> None:
    await assert_unknown(door, watch, request(token=ROWS[name][number](door)))


@pytest.mark.parametrize("name", hostile.KEYS_OF_ONES_OWN)
async def test_an_address_of_a_key_is_never_visited(name: str, door: Door, watch: Watch) -> None:
    address = f"{door.surroundings.issuer.url}/.well-known/jwks"
    await assert_unknown(door, watch, request(token=door.token(None, header(**{name: address}), key=EVIL)))


async def test_a_second_spelling_of_a_spent_token_is_not_a_new_one(door: Door, watch: Watch) -> None:
    token = door.newcomer()
    assert (await door.exchange(request(token=token))).status == 202
    for spelling in (token + "=", token + "==", f"{token.rpartition('.')[0]}.{encoded(b'')}"):
        await assert_unknown(door, watch, request(token=spelling))
