"""The conditions and the source in a status, as the API server stores them. Pure.

Types and reasons are RukPak's (operator-framework/rukpak v0.12, api/v1alpha1). Healthy is krt's own: a job needs it.
DriftWatched is krt's own, too; it stands only where the API server once denied krt to see changes of objects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from krt.core.kube.fields import items_at, text_at
from krt.core.reason import readable

UNPACKED = "Unpacked"
HAS_VALID_BUNDLE, INSTALLED, HEALTHY = "HasValidBundle", "Installed", "Healthy"
DRIFT_WATCHED = "DriftWatched"
TYPES = (UNPACKED, HAS_VALID_BUNDLE, INSTALLED, HEALTHY, DRIFT_WATCHED)


@dataclass(frozen=True, slots=True)
class StatedCondition:
    """One condition as krt wants it. `holds` None is the status Unknown."""

    type: str
    holds: bool | None
    reason: str
    message: str = ""

    @property
    def status(self) -> str:
        """The field `status`: True, False or Unknown."""
        return "Unknown" if self.holds is None else str(self.holds)


def with_conditions(
    status: Mapping[str, object], stated: Iterable[StatedCondition], generation: int, now: datetime
) -> list[Mapping[str, object]]:
    """The conditions of `status`, in which these replace those of the same type, in the order of TYPES.

    A condition keeps the time of its last transition as long as its status stays the same.
    """
    found = {text_at(each, "type"): each for each in items_at(status, "conditions")}
    for each in stated:
        found[each.type] = _condition(found.get(each.type, {}), each, generation, now)
    known = [found.pop(kind) for kind in TYPES if kind in found]
    return [*known, *found.values()]


def resolved_source(source: Mapping[str, object], resolved: str) -> dict[str, object]:
    """`status.resolvedSource`: the source, with an image's digest or a commit in the place of a tag or branch."""
    kind = text_at(source, "type")
    found = source.get(kind)
    if kind == "image" and isinstance(found, Mapping):
        return {"type": kind, kind: {**found, "ref": resolved}}
    if kind == "git" and isinstance(found, Mapping):
        return {"type": kind, kind: {**found, "ref": {"commit": resolved}}}
    return {"type": kind, **({kind: found} if found is not None else {})}


def _condition(
    before: Mapping[str, object], each: StatedCondition, generation: int, now: datetime
) -> Mapping[str, object]:
    is_same = text_at(before, "status") == each.status
    since = text_at(before, "lastTransitionTime") if is_same else ""
    return {
        "type": each.type,
        "status": each.status,
        "reason": each.reason,
        "message": readable(each.message),
        "observedGeneration": generation,
        "lastTransitionTime": since or f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
