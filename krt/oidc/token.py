"""Reads a bearer token and verifies it. Pure: no network and no clock. No Identity holds the token.

Cheap checks come first. No claim is read before the signature is verified: issuer and keys come from the settings, and
the token's header names one of these keys.
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

MOST_CHARACTERS = 8192  # a GitHub token has about 1,700

# Each token has exactly one accepted spelling. PyJWT would also accept `=` after the signature.
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SCHEME = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] ([!-~]+)")  # IGNORECASE would also cost time on the token itself
# RFC 7515 4.1.11, RFC 7797, RFC 7516 4.1.3: each changes the signed bytes, or requires an extension that krt lacks.
_REFUSED_PARAMETERS = frozenset({"crit", "b64", "zip"})

# Every option that matters is written down, even if it is PyJWT's default.
_OPTIONS: Final[Options] = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    "require": ["iss", "aud", "exp", "iat", "nbf", "jti"],
    "verify_iss": True,
    "verify_aud": True,
    "strict_aud": True,  # `aud` must be one string, not a list that contains the audience
    "verify_jti": True,
    "verify_sub": False,  # krt decides nothing by `sub`: repositories can customize it (docs/security.md)
    "verify_exp": False,  # _check_times is stricter for these three, and uses the given clock
    "verify_nbf": False,
    "verify_iat": False,
}


class UnknownKey(TokenRejected):
    """The token names a key that is not in the key set. The issuer may have published the key since the last fetch."""

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

    Raises TokenRejected with a reason of Rejection; its subclass UnknownKey if the key is not in `keys`.
    """
    try:
        return _verify(token, keys, issuer=issuer, audience=audience, now=now)
    except TokenRejected:
        raise
    except Exception as error:  # an unforeseen error in hostile input must refuse its sender only
        raise TokenRejected(Rejection.INTERNAL) from error


def _verify(token: str, keys: KeySet, *, issuer: str, audience: str, now: float) -> Identity:
    if not issuer or not audience:  # PyJWT would match an empty one with an empty claim
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
    """PyJWS without its own check of each character, which costs more than the rest of a verification together."""

    @staticmethod
    def _decode_base64url_segment(segment: bytes, name: str) -> bytes:
        # This overrides a private method of PyJWT. If PyJWT renames it, its own check runs again: nothing gets laxer.
        try:
            decoded = base64.urlsafe_b64decode(segment + b"==")
        except binascii.Error as error:
            raise jwt.DecodeError(f"Invalid {name} padding") from error
        if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment:  # true also if `segment` has other characters
            raise jwt.DecodeError(f"Invalid {name} padding")
        return decoded


class _StrictDecoder(jwt.PyJWT):
    """PyJWT with a strict JSON parser for the payload, which is read once, from the signed bytes."""

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
        case jwt.DecodeError():  # non-canonical base64
            return Rejection.MALFORMED
        case _:
            return Rejection.BAD_CLAIMS


def _check_times(claims: Mapping[str, object], now: float) -> None:
    problem = problem_of(claims, now)
    if problem is not None:
        raise TokenRejected(problem.reason)
