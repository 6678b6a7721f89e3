"""Selects the trusted keys of an issuer's published set. Pure: bytes in, `KeySet` out."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from krt.core import strict_json
from krt.errors import KrtError

MOST_BYTES = 256 * 1024  # GitHub's set has about 5 KiB
MOST_KEYS = 32  # GitHub's has 4

KID = re.compile(r"[!-~]{1,128}")
_FEWEST_BITS, _MOST_BITS = 2048, 8192
_MODULUS = re.compile(rf"[A-Za-z0-9_-]{{1,{_MOST_BITS // 6 + 4}}}")  # bounded before any arithmetic on it
_EXPONENT = "AQAB"  # 65537
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


Reason = Literal[
    "connection",
    "too_slow",
    "status",
    "encoded",
    "too_long",
    "not_json",
    "not_a_key_set",
    "too_many_keys",
    "duplicate_kid",
    "no_usable_key",
]


class KeySetInvalid(KrtError):
    """The issuer's answer is not a usable key set; the last good one stays. `reason` is for log and metrics."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class KeySet:
    """An issuer's keys by key id: RSA, 2048 to 8192 bits, for RS256. `ignored` counts the keys of other kinds."""

    keys: Mapping[str, PyJWK]
    ignored: int = 0


def parse_key_set(body: bytes) -> KeySet:
    """The trusted keys of a JSON Web Key Set. Raises KeySetInvalid.

    A key of another kind or use is ignored (RFC 7517, section 5). If two keys have the same id, the whole set is
    refused, because a token could mean either.
    """
    entries = _entries(body)
    named = Counter(kid for entry in entries if isinstance(kid := entry.get("kid"), str))
    if any(times > 1 for times in named.values()):
        raise KeySetInvalid("duplicate_kid")
    keys = {key.key_id: key for entry in entries if (key := _trusted(entry))}
    if not keys:
        raise KeySetInvalid("no_usable_key")
    return KeySet(MappingProxyType(cast("dict[str, PyJWK]", keys)), ignored=len(entries) - len(keys))


def _entries(body: bytes) -> list[dict[str, object]]:
    try:
        value = strict_json.loads(body, max_bytes=MOST_BYTES)
    except strict_json.StrictJsonError as error:
        raise KeySetInvalid("not_json") from error
    entries = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise KeySetInvalid("not_a_key_set")
    if len(entries) > MOST_KEYS:
        raise KeySetInvalid("too_many_keys")
    return entries


def _trusted(entry: dict[str, object]) -> PyJWK | None:
    if not (_is_for_signatures(entry) and _is_public_rsa(entry)):
        return None
    try:
        # Built from the checked members only; the issuer may have written others.
        key = PyJWK({name: entry[name] for name in ("kty", "kid", "n", "e")}, algorithm="RS256")
    except PyJWTError:
        return None
    public = key.key
    return key if isinstance(public, RSAPublicKey) and _FEWEST_BITS <= public.key_size <= _MOST_BITS else None


def _is_for_signatures(entry: dict[str, object]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _is_public_rsa(entry: dict[str, object]) -> bool:
    kid, modulus = entry.get("kid"), entry.get("n")
    return (
        entry.get("kty") == "RSA"
        and not entry.keys() & _PRIVATE
        and isinstance(kid, str)
        and KID.fullmatch(kid) is not None
        and isinstance(modulus, str)
        and _MODULUS.fullmatch(modulus) is not None
        and entry.get("e") == _EXPONENT
    )
