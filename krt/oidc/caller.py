"""Identifies the caller of a request: bearer token, keys and verification in one step."""

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
    """The verified identity behind these headers. `clock` gives seconds since the epoch. Never waits.

    Raises TokenRejected; or KeysUnavailable if there is a token but no key set to verify it with. If the token names an
    unknown key, the ring is also asked to fetch the keys soon.
    """
    token = bearer(headers)
    try:
        return verify(token, ring.current(), issuer=issuer, audience=audience, now=clock())
    except UnknownKey:
        ring.unknown_kid()
        raise
