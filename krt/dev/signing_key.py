"""Makes the issuer's keys, which are published as JWKs and live as long as the process."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key of 2,048 bits, and its key id."""

    private: rsa.RSAPrivateKey = field(repr=False)
    kid: str

    @property
    def thumbprint(self) -> str:
        """The `x5t` header. The value has the right form, but there is no certificate."""
        return _base64url(hashlib.sha1(self.kid.encode(), usedforsecurity=False).digest())

    def public(self) -> dict[str, str]:
        """The JWK (RFC 7517, RFC 7518 section 6.3.1) as GitHub writes it."""
        numbers = self.private.public_key().public_numbers()
        parts = {"n": _base64url(_bytes(numbers.n)), "e": _base64url(_bytes(numbers.e))}
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, **parts}


def make_key() -> SigningKey:
    """Make a key. Blocks for about 0.1 s."""
    return SigningKey(rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(20).upper())


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
