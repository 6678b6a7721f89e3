"""One use of a token, by which krt web tells a retry of a call from a second event (docs/correctness.md, J2)."""

from dataclasses import dataclass
from hashlib import sha256

from krt.core.announce.event import Event, to_json
from krt.core.caller.identity import Identity


@dataclass(frozen=True, slots=True)
class Use:
    """SHA-256 digests in hex, so that no key in Valkey holds anything that a caller sent.

    `token` and `retry` are parts of the keys of two records. `retry` is None without an Idempotency-Key. `fingerprint`
    is the records' value: a later call that finds another fingerprint is refused, because it is not a retry.
    """

    token: str
    fingerprint: str
    retry: str | None


def use_of(identity: Identity, path: str, event: Event, idempotency_key: str | None) -> Use:
    """The use that a call of `path` for `event` makes of the caller's token."""
    fingerprint = _digest(path, to_json(event).decode())
    run = (identity.repository_id, identity.run_id, identity.run_attempt)
    retry = _digest(*run, idempotency_key) if idempotency_key is not None else None
    # It has the repository's id: an issuer may give two repositories one `jti`, and neither may get the other's event.
    token = _digest(identity.issuer, identity.repository_id, identity.jti)
    return Use(token=token, fingerprint=fingerprint, retry=retry)


def _digest(*parts: str) -> str:
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    return sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
