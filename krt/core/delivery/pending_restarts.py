"""The restarts that a change of a published Secret still owes: a list in an annotation of the Secret. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from krt.core.delivery.restart_target import RestartTarget, parse_target
from krt.core.kube.fields import text_at, texts_at

RESTART_PENDING = "krt/restart-pending"
MOST_TARGETS = 100
_MOST_PENDING = 64 * 1024  # Kubernetes allows 256 KiB for all annotations of an object
_PENDING = re.compile(r"(?P<digest>[0-9a-f]{64}) (?P<change>[0-9a-z]{1,64})(?= |\Z)")


@dataclass(frozen=True, slots=True)
class Pending:
    """The restarts that a change still owes. `digest` is the bundle's, `change` the id of the change."""

    digest: str
    change: str
    targets: tuple[RestartTarget, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.digest, self.change, *map(str, self.targets)))


def read_pending(secret: Mapping[str, object]) -> Pending | None:
    """The list on the Secret; None if there is none. Raises ValueError if krt did not write the annotation."""
    text = texts_at(secret, "metadata", "annotations").get(RESTART_PENDING)
    if text is None:
        return None
    match = _PENDING.match(text[:_MOST_PENDING])
    targets = text[match.end() :].split() if match else []
    if match is None or len(text) > _MOST_PENDING or len(targets) > MOST_TARGETS:
        raise ValueError("it is not DIGEST CHANGE KIND/NAME…")
    return Pending(match["digest"], match["change"], tuple(map(parse_target, targets)))


def take_off(secret: Mapping[str, object], target: RestartTarget) -> dict[str, object]:
    """The merge patch that takes the target off the list of this Secret, which must have a list.

    The API server refuses the patch if the Secret has changed since it was read. For the last target the patch removes
    the annotation: the next apply of the same bundle has none, either, and so changes nothing. `secret` needs only its
    metadata.
    """
    pending = read_pending(secret)
    assert pending is not None
    rest = tuple(each for each in pending.targets if each != target)
    left = str(Pending(pending.digest, pending.change, rest)) if rest else None
    version = text_at(secret, "metadata", "resourceVersion")
    return {"metadata": {"resourceVersion": version, "annotations": {RESTART_PENDING: left}}}
