"""The rows B1 to B12 and D1 to D17 of the security checklist, each with its reason."""

import json
import statistics
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import cast

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krt.core.caller.identity import Identity, Rejection
from krt.errors import TokenRejected
from krt.oidc.keyset import KeySet
from krt.oidc.token import UnknownKey, bearer, verify
from tests.fakes.pace import pace
from tests.oidc.hostile import (
    BENT,
    CHANGING_PARAMETERS,
    KEYS_OF_ONES_OWN,
    MADE_UP_SIGNATURES,
    MALFORMED_AUTHORIZATIONS,
    NAMED_TWICE,
    NO_HEADERS,
    NO_IDS,
    NO_KEY_IDS,
    NO_NUMBERS,
    NO_OBJECTS,
    NO_TIMES,
    NO_TOKEN_IDS,
    OTHER_ALGORITHMS,
    OTHER_AUDIENCES,
    OTHER_HEADERS,
    OTHER_ISSUERS,
    OTHER_TYPES,
    PUBLIC_SECRETS,
    REGISTERED_CLAIMS,
    TIMES,
    UNKNOWN_KEY_IDS,
    by_hmac,
    header,
    with_two_readings,
)
from tests.oidc.tokens import AUDIENCE, HEADER, ISSUER, KID, NOW, claims, jwk, key_set, private_key, segment, token


def verified(text: str, *, now: float = NOW, issuer: str = ISSUER, audience: str = AUDIENCE) -> Identity:
    return verify(text, key_set(), issuer=issuer, audience=audience, now=now)


def reason_of(text: str, *, now: float = NOW) -> str:
    with pytest.raises(TokenRejected) as caught:
        verified(text, now=now)
    return caught.value.reason


def authorization_reason(*values: bytes) -> str:
    with pytest.raises(TokenRejected) as caught:
        bearer([(b"host", b"krt"), *((b"authorization", value) for value in values)])
    return caught.value.reason


# What is good


def test_a_genuine_token_says_who_is_calling() -> None:
    identity = verified(token())
    assert (identity.issuer, identity.repository, identity.repository_id) == (ISSUER, "acme/shop", "74")
    assert (identity.jti, identity.expires_at) == (claims()["jti"], NOW + 300)


@pytest.mark.parametrize("name", [b"authorization", b"Authorization", b"AUTHORIZATION"])
@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_the_scheme_is_written_in_any_case(name: bytes, scheme: bytes) -> None:
    assert bearer([(b"cookie", b"x"), (name, scheme + b" a.b.c")]) == "a.b.c"


# B1, B2: the header of the request


def test_no_authorization_is_a_missing_token() -> None:
    assert authorization_reason() == "missing"


@pytest.mark.parametrize(
    "value",
    MALFORMED_AUTHORIZATIONS,
)
def test_anything_but_one_bearer_token_is_malformed(value: bytes) -> None:
    assert authorization_reason(value) == "malformed"


def test_a_second_authorization_header_is_malformed_even_if_equal() -> None:
    assert authorization_reason(b"Bearer a.b.c", b"Bearer a.b.c") == "malformed"
    assert authorization_reason(b"Bearer a.b.c", b"Basic x") == "malformed"


@pytest.mark.parametrize("name", OTHER_HEADERS)
def test_a_token_elsewhere_is_not_seen(name: bytes) -> None:
    with pytest.raises(TokenRejected, match="missing"):
        bearer([(name, b"Bearer " + token().encode())])


# B1, B3, B9, B12: the shape of the token


def test_a_token_of_8192_characters_is_read_and_a_longer_one_is_not() -> None:
    longest = token(claims(padding="x" * 4600))
    longest = token(claims(padding="x" * (4600 + (8192 - len(longest)) * 3 // 4)))
    assert 8188 <= len(longest) <= 8192
    assert verified(longest)
    assert reason_of(longest + "x" * (8193 - len(longest))) == "too_long"
    assert reason_of("x" * 100_000) == "too_long"


@pytest.mark.parametrize(
    "bend",
    BENT,
)
def test_a_token_of_another_shape_is_malformed(bend: Callable[[str], str]) -> None:
    assert reason_of(bend(token())) == "malformed"


def test_a_second_spelling_of_the_same_signature_is_refused() -> None:
    genuine = token()  # 256 bytes leave two bits of the last character unused
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = last[last.index(genuine[-1]) ^ 1]
    assert reason_of(genuine[:-1] + other) == "malformed"


@pytest.mark.parametrize("payload", NO_OBJECTS)
def test_a_signed_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    assert reason_of(token(payload)) in {"bad_claims", "malformed"}


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{1,80}(\.[A-Za-z0-9_-]{0,80}){0,4}", fullmatch=True))
def test_no_text_is_taken_for_a_token_or_surprises_the_verifier(text: str) -> None:
    assert reason_of(text) in {"malformed", "bad_header"}


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from([*HEADER, "crit", "b64"]), st.none() | st.integers() | st.text() | st.just([])))
def test_no_header_but_the_right_one_leads_to_a_key(fields: dict[str, object]) -> None:
    assert reason_of(token(header=fields)) in {"bad_header", "unknown_key"}


# Row B4: algorithms


@pytest.mark.parametrize(
    "alg",
    OTHER_ALGORITHMS,
)
def test_any_algorithm_but_rs256_is_refused(alg: object) -> None:
    assert reason_of(token(header=header(alg=alg))) == "bad_header"


def test_an_unsigned_token_is_refused() -> None:
    unsigned = f"{segment(header(alg='none'))}.{segment(claims())}."
    assert reason_of(unsigned) == "malformed"
    assert reason_of(unsigned + "AA") == "bad_header"


@pytest.mark.parametrize(
    "secret",
    PUBLIC_SECRETS,
)
def test_the_public_key_is_no_secret_to_sign_with(secret: bytes) -> None:
    assert reason_of(by_hmac(secret)) == "bad_header"
    assert reason_of(by_hmac(secret, alg="RS256")) == "bad_signature"


# B5, B6, B7, B8, B10: the header of the token


@pytest.mark.parametrize("twice", NAMED_TWICE)
def test_a_header_that_names_a_parameter_twice_is_refused(twice: str) -> None:
    written = json.dumps(HEADER)[:-1] + f', "{twice}": {json.dumps(HEADER[twice])}}}'
    assert reason_of(token(header=written.encode())) == "bad_header"


@pytest.mark.parametrize(
    "parameters",
    CHANGING_PARAMETERS,
    ids=str,
)
def test_a_header_that_changes_what_is_signed_is_refused(parameters: dict[str, object]) -> None:
    assert reason_of(token(header=header(**parameters))) == "bad_header"


@pytest.mark.parametrize("name", KEYS_OF_ONES_OWN)
def test_a_key_or_its_address_in_the_header_is_not_looked_at(name: str) -> None:
    own = private_key(2048, 1)
    value: object = jwk(own) if name == "jwk" else ["http://127.0.0.1:1/"] if name == "x5c" else "http://127.0.0.1:1/"
    assert reason_of(token(header=header(**{name: value}), key=own)) == "bad_signature"
    assert verified(token(header=header(**{name: value})))


@pytest.mark.parametrize("typ", OTHER_TYPES)
def test_a_token_of_another_type_is_refused(typ: object) -> None:
    assert reason_of(token(header=header(typ=typ))) == "bad_header"


def test_a_token_may_leave_out_its_type() -> None:
    assert verified(token(header=header(typ=...)))


@pytest.mark.parametrize(
    "kid",
    NO_KEY_IDS,
)
def test_a_key_id_of_another_form_is_refused(kid: object) -> None:
    assert reason_of(token(header=header(kid=kid))) == "bad_header"


@pytest.mark.parametrize("kid", UNKNOWN_KEY_IDS)
def test_an_unknown_key_id_is_only_looked_up(kid: str) -> None:
    kid = kid.replace(" ", "_")
    with pytest.raises(UnknownKey) as caught:
        verified(token(header=header(kid=kid)))
    assert caught.value.reason == "unknown_key"
    assert kid not in repr(caught.value)


@pytest.mark.parametrize(
    "data",
    NO_HEADERS,
    ids=lambda data: repr(data[:16]),
)
def test_a_header_that_is_no_strict_json_object_is_refused(data: bytes) -> None:
    assert reason_of(token({}, data)) == "bad_header"


# B10, B11: the payload, read strictly although it is signed

GENUINE = json.dumps(claims())


@pytest.mark.parametrize("payload", with_two_readings(GENUINE), ids=lambda payload: repr(payload[-16:]))
def test_a_signed_payload_with_two_readings_is_refused(payload: bytes) -> None:
    assert reason_of(token(payload)) == "bad_claims"


# Signatures


def test_another_key_signs_in_vain() -> None:
    assert reason_of(token(key=private_key(2048, 1))) == "bad_signature"


@pytest.mark.parametrize("part", [0, 1])
def test_a_changed_part_breaks_the_signature(part: int) -> None:
    parts = token().split(".")
    parts[part] = segment(header(x5t="other")) if part == 0 else segment(claims(repository="evil/evil"))
    assert reason_of(".".join(parts)) == "bad_signature"


@pytest.mark.parametrize("signature", MADE_UP_SIGNATURES)
def test_a_made_up_signature_is_refused(signature: str) -> None:
    assert reason_of(f"{token().rpartition('.')[0]}.{signature}") == "bad_signature"


# D1, D2: issuer and audience


@pytest.mark.parametrize(
    "issuer",
    OTHER_ISSUERS,
)
def test_a_token_of_another_issuer_is_refused(issuer: object) -> None:
    assert reason_of(token(claims(iss=issuer))) == "wrong_issuer"


@pytest.mark.parametrize(
    "audience",
    OTHER_AUDIENCES,
)
def test_a_token_for_another_audience_is_refused(audience: object) -> None:
    assert reason_of(token(claims(aud=audience))) == "wrong_audience"


@pytest.mark.parametrize("claim", REGISTERED_CLAIMS)
@pytest.mark.parametrize("value", [..., None])
def test_a_token_without_a_registered_claim_is_refused(claim: str, value: object) -> None:
    assert reason_of(token(claims(**{claim: value}))) == "bad_claims"


@pytest.mark.parametrize(("issuer", "audience"), [("", AUDIENCE), (ISSUER, ""), ("", "")])
def test_an_empty_setting_lets_nobody_pass(issuer: str, audience: str) -> None:
    for claimed in (claims(), claims(iss=issuer, aud=audience), claims(iss=..., aud=...)):
        with pytest.raises(TokenRejected, match="internal"):
            verified(token(claimed), issuer=issuer, audience=audience)


# D4, D5, D6: times


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_a_time_is_a_whole_number_of_seconds(claim: str, value: object) -> None:
    assert reason_of(token(claims(**{claim: value}))) == "bad_times"


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_time_is_a_number_at_all(claim: str, value: str) -> None:
    written = GENUINE.replace(f'"{claim}": {claims()[claim]}', f'"{claim}": {value}')
    assert reason_of(token(written.encode())) == "bad_claims"


@pytest.mark.parametrize(
    ("times", "reason"),
    TIMES,
    ids=str,
)
def test_a_token_is_good_for_its_own_short_time(times: dict[str, int], reason: str | None) -> None:
    text = token(claims(**{name: NOW + seconds for name, seconds in times.items()}))
    if reason is None:
        assert verified(text)
    else:
        assert reason_of(text) == reason


def test_only_the_given_time_counts() -> None:
    text = token()
    for now in (0, NOW - 11, NOW - 10, NOW + 309.9, NOW + 310, time.time()):
        if NOW - 10 <= now < NOW + 310:
            assert verified(text, now=now)
        else:
            assert reason_of(text, now=now) == ("not_yet_valid" if now < NOW else "expired")


# D7, D9, D16, D17: the other claims (their forms: tests/core/test_identity.py)


@pytest.mark.parametrize("jti", NO_TOKEN_IDS)
def test_a_token_without_a_usable_id_of_its_own_is_refused(jti: object) -> None:
    assert reason_of(token(claims(jti=jti))) == "bad_claims"


@pytest.mark.parametrize("claim", ["repository_id", "repository_owner_id"])
@pytest.mark.parametrize("value", NO_IDS)
def test_an_id_of_another_form_is_refused(claim: str, value: object) -> None:
    assert reason_of(token(claims(**{claim: value}))) == "bad_claims"


@pytest.mark.parametrize("sub", [..., None, "", 1, ["x"], "repo:acme@65/shop@74:ref:refs/heads/main", "anything"])
def test_the_subject_makes_no_difference(sub: object) -> None:
    assert verified(token(claims(sub=sub))) == verified(token())


def test_unknown_claims_make_no_difference() -> None:
    extra = claims(repo_property_team="a", check_run_id=7, issuer_scope=["x"], enterprise={"id": 1})
    assert verified(token(extra)) == verified(token())


@pytest.mark.parametrize("value", ["pull_request_target", "push"])
def test_what_rules_decide_on_is_handed_on_as_it_is(value: str) -> None:
    assert verified(token(claims(event_name=value, environment="Dev"))).event_name == value


# B9, F6, F8, F9: what comes out


def test_a_bug_in_the_verifier_denies_and_says_so() -> None:
    broken = KeySet(MappingProxyType({KID: cast("jwt.PyJWK", object())}))
    with pytest.raises(TokenRejected) as caught:
        verify(token(), broken, issuer=ISSUER, audience=AUDIENCE, now=NOW)
    assert caught.value.reason == "internal"
    assert caught.value.__cause__ is not None


def test_a_rejection_says_its_code_and_nothing_of_the_token() -> None:
    for text in (token(claims(iss="https://evil.example")), token(header=header(alg="evil")), token() + "="):
        with pytest.raises(TokenRejected) as caught:
            verified(text)
        assert str(caught.value) == caught.value.reason
        assert isinstance(caught.value.reason, Rejection)


@pytest.mark.alone
def test_the_refusals_take_the_same_time() -> None:
    unknown, forged = token(header=header(kid="other")), token(key=private_key(2048, 1))
    medians = [
        _median_seconds(call) for call in (authorization_reason, lambda: reason_of(unknown), lambda: reason_of(forged))
    ]
    assert max(medians) - min(medians) < 0.002 * pace()


def _median_seconds(call: Callable[[], object]) -> float:
    def once() -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(300))
