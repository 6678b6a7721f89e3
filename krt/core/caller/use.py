"""One use of a token: what makes a second call a retry and not a second event (docs/correctness.md, J2)."""

from dataclasses import dataclass
from hashlib import sha256

from krt.core.announce.event import Event, to_json
from krt.core.caller.identity import Identity


@dataclass(frozen=True, slots=True)
class Use:
    """Digests, so that nothing of a caller stands in a key. `retry` is None without an Idempotency-Key.

    `token` and `retry` say which record is looked at; `fingerprint` says which call the record is of.
    """

    token: str
    fingerprint: str
    retry: str | None


def use_of(identity: Identity, path: str, event: Event, idempotency_key: str | None) -> Use:
    """The use that a call of `path` for `event` makes of the caller's token."""
    fingerprint = _digest(path, to_json(event).decode())
    run = (identity.repository_id, identity.run_id, identity.run_attempt)
    retry = _digest(*run, idempotency_key) if idempotency_key is not None else None
    # The repository's id, too: an issuer that gives one `jti` to two repositories must not give one the other's event.
    token = _digest(identity.issuer, identity.repository_id, identity.jti)
    return Use(token=token, fingerprint=fingerprint, retry=retry)


def _digest(*parts: str) -> str:
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    return sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
