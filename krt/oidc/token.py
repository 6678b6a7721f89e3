"""Whether a bearer token proves who is calling. Pure: no network, no clock; nothing of a token outlives it.

Cheap checks come first, and no claim is looked at before the signature holds: issuer and keys come from the
settings, so there is no reason to.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import jwt
from jwt.types import Options

from krt.core import strict_json
from krt.core.caller.identity import Identity, Rejection, VerifiedClaims, from_claims
from krt.core.caller.token_times import problem_of
from krt.errors import TokenRejected
from krt.oidc.keyset import KID, KeySet

MOST_CHARACTERS = 8192  # a token of GitHub's has about 1,700

# Exactly one spelling of every token: PyJWT takes `=` after the signature for the same one.
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SCHEME = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] ([!-~]+)")  # IGNORECASE would fold each character of the token
# RFC 7515 4.1.11, RFC 7797, RFC 7516 4.1.3: each changes what is signed, or demands what krt does not know.
_REFUSED_PARAMETERS = frozenset({"crit", "b64", "zip"})

# Every option that matters is written down, also where it is PyJWT's default.
_OPTIONS: Final[Options] = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    "require": ["iss", "aud", "exp", "iat", "nbf", "jti"],
    "verify_iss": True,
    "verify_aud": True,
    "strict_aud": True,  # one audience, a string: no list that happens to hold ours
    "verify_jti": True,
    "verify_sub": False,  # never decided on: its form is the caller's to choose (docs/security.md)
    "verify_exp": False,  # these three: _check_times, stricter, by the clock that is given
    "verify_nbf": False,
    "verify_iat": False,
}


class UnknownKey(TokenRejected):
    """The token names a key that the set does not hold. The issuer may have published it since."""

    def __init__(self) -> None:
        super().__init__(Rejection.UNKNOWN_KEY)


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The token of the one Authorization header (RFC 6750, section 2.1). Raises TokenRejected."""
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if not values:
        raise TokenRejected(Rejection.MISSING)
    found = _SCHEME.fullmatch(values[0])
    if len(values) > 1 or not found:
        raise TokenRejected(Rejection.MALFORMED)
    return found[1].decode("ascii")


def verify(token: str, keys: KeySet, *, issuer: str, audience: str, now: float) -> Identity:
    """The identity that `token` proves at `now`, in seconds since the epoch.

    Raises TokenRejected with one of the reasons in Rejection; UnknownKey is one.
    """
    try:
        return _verify(token, keys, issuer=issuer, audience=audience, now=now)
    except TokenRejected:
        raise
    except Exception as error:  # what nobody foresaw in a hostile text denies its sender, and nobody else
        raise TokenRejected(Rejection.INTERNAL) from error


def _verify(token: str, keys: KeySet, *, issuer: str, audience: str, now: float) -> Identity:
    if not issuer or not audience:  # PyJWT would let an empty one pass for an empty claim
        raise ValueError("issuer and audience must be set")
    key = keys.keys.get(_key_id(_header(token)))
    if key is None:
        raise UnknownKey
    try:
        claims = _decoder.decode(token, key, algorithms=["RS256"], options=_OPTIONS, issuer=issuer, audience=audience)
    except jwt.PyJWTError as error:
        raise TokenRejected(_rejection(error)) from error
    _check_times(claims, now)
    return from_claims(VerifiedClaims(claims))


class _Segments(jwt.PyJWS):
    """PyJWS, whose own look at each character of a segment costs more than all the rest of a verification."""

    @staticmethod
    def _decode_base64url_segment(segment: bytes, name: str) -> bytes:
        # A name of PyJWT's own: where it has another one, that look is taken again, and nothing is less strict.
        try:
            decoded = base64.urlsafe_b64decode(segment + b"==")
        except binascii.Error as error:
            raise jwt.DecodeError(f"Invalid {name} padding") from error
        if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment:  # nor is it with any character but base64url's
            raise jwt.DecodeError(f"Invalid {name} padding")
        return decoded


class _StrictDecoder(jwt.PyJWT):
    """PyJWT, reading the payload strictly: once, from the bytes that were signed."""

    def __init__(self) -> None:
        super().__init__()
        self._jws = _Segments(options=self._get_sig_options())

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        return _strict_object(decoded["payload"], Rejection.BAD_CLAIMS)


_decoder = _StrictDecoder()


def _header(token: str) -> dict[str, object]:
    if len(token) > MOST_CHARACTERS:
        raise TokenRejected(Rejection.TOO_LONG)
    shape = _SHAPE.fullmatch(token)
    if not shape:
        raise TokenRejected(Rejection.MALFORMED)
    try:
        return _strict_object(base64.urlsafe_b64decode(f"{shape[1]}==="), Rejection.BAD_HEADER)
    except binascii.Error as error:
        raise TokenRejected(Rejection.MALFORMED) from error


def _key_id(header: Mapping[str, object]) -> str:
    kid = header.get("kid")
    if (
        header.get("alg") != "RS256"
        or header.get("typ", "JWT") != "JWT"
        or header.keys() & _REFUSED_PARAMETERS
        or not isinstance(kid, str)
        or not KID.fullmatch(kid)
    ):
        raise TokenRejected(Rejection.BAD_HEADER)
    return kid


def _strict_object(data: bytes, rejection: Rejection) -> dict[str, Any]:
    try:
        value = strict_json.loads(data, max_bytes=MOST_CHARACTERS)
    except strict_json.StrictJsonError as error:
        raise TokenRejected(rejection) from error
    if not isinstance(value, dict):
        raise TokenRejected(rejection)
    return value


def _rejection(error: jwt.PyJWTError) -> Rejection:
    match error:
        case jwt.InvalidSignatureError():
            return Rejection.BAD_SIGNATURE
        case jwt.InvalidIssuerError():
            return Rejection.WRONG_ISSUER
        case jwt.InvalidAudienceError():
            return Rejection.WRONG_AUDIENCE
        case jwt.DecodeError():  # base64 that is not canonical
            return Rejection.MALFORMED
        case _:
            return Rejection.BAD_CLAIMS


def _check_times(claims: Mapping[str, object], now: float) -> None:
    problem = problem_of(claims, now)
    if problem is not None:
        raise TokenRejected(problem.reason)
