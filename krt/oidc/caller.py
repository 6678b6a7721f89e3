"""From the headers of a request to who is calling: bearer, keys and verification in one step."""

from collections.abc import Callable, Iterable
from time import time

from krt.core.caller.identity import Identity
from krt.oidc.keys import KeyRing
from krt.oidc.token import UnknownKey, bearer, verify


def identify(
    headers: Iterable[tuple[bytes, bytes]],
    *,
    ring: KeyRing,
    issuer: str,
    audience: str,
    clock: Callable[[], float] = time,
) -> Identity:
    """Who sends these headers, by a clock of seconds since the epoch; never waits.

    Raises TokenRejected, and KeysUnavailable where there is a token but nothing to verify it with.
    """
    token = bearer(headers)
    try:
        return verify(token, ring.current(), issuer=issuer, audience=audience, now=clock())
    except UnknownKey:
        ring.unknown_kid()
        raise
