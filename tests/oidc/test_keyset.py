"""The acceptance rules of section C of the security checklist."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from krt.oidc.keyset import KeySetInvalid, parse_key_set
from tests.oidc.tokens import KID, jwk, key_set_body, private_key, uint

SECOND = jwk(private_key(2048, 1), kid="second")


def reason_of(body: bytes) -> str:
    with pytest.raises(KeySetInvalid) as caught:
        parse_key_set(body)
    return caught.value.reason


def kept(*keys: dict[str, object]) -> set[str]:
    """The names of the keys that are trusted beside one that is good."""
    return set(parse_key_set(key_set_body(SECOND, *keys)).keys) - {"second"}


def test_the_keys_of_an_issuer_are_found_by_name_and_bound_to_one_algorithm() -> None:
    key_set = parse_key_set(key_set_body(jwk(), SECOND))
    assert set(key_set.keys) == {KID, "second"}
    assert {key.algorithm_name for key in key_set.keys.values()} == {"RS256"}
    public = key_set.keys[KID].key
    assert isinstance(public, RSAPublicKey)
    assert public.public_numbers() == private_key().public_key().public_numbers()


@pytest.mark.parametrize(
    "good",
    [
        jwk(use=..., alg=...),
        jwk(key_ops=["verify"]),
        jwk(key_ops=["sign", "verify"]),
        jwk(x5c=["MIID"], x5t="ykNa", x5u="http://127.0.0.1:1/", unknown={"a": [1]}),
        jwk(kid="!~" + "x" * 126),
        jwk(private_key(4096)),
    ],
    ids=lambda key: str({name: key[name] for name in key if name not in "ne"})[:60],
)
def test_a_public_rsa_key_for_signatures_is_trusted(good: dict[str, object]) -> None:
    assert kept(good) == {good["kid"]}


PRIVATE = private_key().private_numbers()


@pytest.mark.parametrize(
    "bad",
    [
        jwk(d=uint(PRIVATE.d)),
        jwk(d=uint(PRIVATE.d), p=uint(PRIVATE.p), q=uint(PRIVATE.q), dp="AQ", dq="AQ", qi="AQ"),
        jwk(p="AQ"),
        jwk(oth=[]),
        jwk(d=None),
        {"kty": "oct", "kid": KID, "k": "c2VjcmV0"},
        jwk(k="c2VjcmV0"),
        {"kty": "oct", "kid": KID, "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": "EC", "crv": "P-256", "kid": KID, "x": "AQ", "y": "AQ"},
        {"kty": "OKP", "crv": "Ed25519", "kid": KID, "x": "AQ"},
        jwk(kty=...),
        jwk(kty="rsa"),
        jwk(kty=["RSA"]),
        jwk(use="enc"),
        jwk(use=None),
        jwk(use=["sig"]),
        jwk(key_ops=["encrypt"]),
        jwk(key_ops=["sign"]),
        jwk(key_ops=[]),
        jwk(key_ops="verify"),
        jwk(key_ops={"verify": 1}),
        jwk(alg="RS384"),
        jwk(alg="HS256"),
        jwk(alg=["x"]),
        jwk(alg=None),
        jwk(kid=...),
        jwk(kid=None),
        jwk(kid=7),
        jwk(kid=[KID]),
        jwk(kid=""),
        jwk(kid="x" * 129),
        jwk(kid="a b"),
        jwk(kid="a\n"),
        jwk(kid="é"),
        jwk(private_key(1024)),
        jwk(n=uint(2**2047 - 1)),
        jwk(n=uint(2**8193 - 1)),
        jwk(n=uint(2**65536 - 1)),
        jwk(n=uint(1)),
        jwk(n=""),
        jwk(n=...),
        jwk(n=7),
        jwk(n="!" * 342),
        jwk(n="A" * 341),
        jwk(n="é" * 342),
        jwk(e=uint(3)),
        jwk(e=uint(1)),
        jwk(e=uint(2**32 + 1)),
        jwk(e="AAEAAQ"),
        jwk(e=65537),
        jwk(e=...),
        {},
    ],
    ids=lambda key: str({name: str(key[name])[:20] for name in key if name != "n"})[:70],  # `n` is new in each process
)
def test_any_other_key_is_ignored_and_alone_makes_no_set(bad: dict[str, object]) -> None:
    assert kept(bad) == set()
    assert parse_key_set(key_set_body(SECOND, bad)).ignored == 1
    assert reason_of(key_set_body(bad)) == "no_usable_key"


@pytest.mark.parametrize(
    "twin",
    [jwk(), jwk(private_key(2048, 1)), jwk(d="AQ"), jwk(use="enc"), {"kty": "EC", "kid": KID}],
    ids=["the same", "of another pair", "private", "for encryption", "of another kind"],
)
def test_two_keys_of_one_name_condemn_the_set(twin: dict[str, object]) -> None:
    assert reason_of(key_set_body(jwk(), twin, SECOND)) == "duplicate_kid"
    assert reason_of(key_set_body(twin, jwk())) == "duplicate_kid"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"<!doctype html><title>Sign in</title>", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 200_000, "not_json"),
        (b'{"keys":' * 20_000, "not_json"),
        (b'{"keys": [], "keys": []}', "not_json"),
        (b'{"keys": [NaN]}', "not_json"),
        (key_set_body().decode().encode("utf-16"), "not_json"),
        (key_set_body()[:-1], "not_json"),
        (key_set_body() + b" " * 256 * 1024, "not_json"),
        (b"[]", "not_a_key_set"),
        (b"{}", "not_a_key_set"),
        (b"null", "not_a_key_set"),
        (b'{"keys": {}}', "not_a_key_set"),
        (b'{"keys": null}', "not_a_key_set"),
        (b'{"keys": [[]]}', "not_a_key_set"),
        (b'{"keys": ["x"]}', "not_a_key_set"),
        (b'{"keys": []}', "no_usable_key"),
        (key_set_body(*(jwk(kid=f"k{i}") for i in range(33))), "too_many_keys"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_key_set_is_refused_whole(body: bytes, reason: str) -> None:
    assert reason_of(body) == reason


def test_a_set_may_hold_32_keys() -> None:
    assert len(parse_key_set(key_set_body(*(jwk(kid=f"k{i}") for i in range(32)))).keys) == 32


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(["RSA", "sig", "AQAB", KID]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(["kty", "kid", "n", "e", "use", "alg", "key_ops", "d"]), json_values))
def test_no_entry_surprises_the_reader(changes: dict[str, object]) -> None:
    try:
        key_set = parse_key_set(json.dumps({"keys": [SECOND, {**jwk(), **changes}]}).encode())
    except KeySetInvalid:
        return
    assert "second" in key_set.keys
