"""From the headers of a request to who is calling: bearer, keys and verification in one step."""

from collections.abc import Iterable

from krt.core.identity import Identity
from krt.oidc.keys import KeyRing
from krt.oidc.token import UnknownKey, bearer, verify


def identify(
    headers: Iterable[tuple[bytes, bytes]], ring: KeyRing, *, issuer: str, audience: str, now: float
) -> Identity:
    """Who sends these headers, at `now` in seconds since the epoch; never waits.

    Raises TokenRejected, and KeysUnavailable where there is a token but nothing to verify it with.
    """
    token = bearer(headers)
    try:
        return verify(token, ring.current(), issuer=issuer, audience=audience, now=now)
    except UnknownKey:
        ring.unknown_kid()
        raise
