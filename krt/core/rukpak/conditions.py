"""The conditions and the source in a status, as the API server stores them. Pure.

Types and reasons are RukPak's (operator-framework/rukpak v0.12, api/v1alpha1). Healthy is krt's own: a job needs it.
DriftWatched is krt's own, too; it stands only where the API server once denied krt to see changes of objects.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from krt.core.kube.fields import text_at
from krt.core.kube.stated_conditions import StatedCondition, with_stated

UNPACKED = "Unpacked"
HAS_VALID_BUNDLE, INSTALLED, HEALTHY = "HasValidBundle", "Installed", "Healthy"
DRIFT_WATCHED = "DriftWatched"
TYPES = (UNPACKED, HAS_VALID_BUNDLE, INSTALLED, HEALTHY, DRIFT_WATCHED)


def with_conditions(
    status: Mapping[str, object], stated: Iterable[StatedCondition], generation: int, now: datetime
) -> list[Mapping[str, object]]:
    """The conditions of `status`, in which these replace those of the same type, in the order of TYPES.

    A condition keeps the time of its last transition as long as its status stays the same.
    """
    return with_stated(status, stated, generation, now, TYPES)


def resolved_source(source: Mapping[str, object], resolved: str) -> dict[str, object]:
    """`status.resolvedSource`: the source, with an image's digest or a commit in the place of a tag or branch."""
    kind = text_at(source, "type")
    found = source.get(kind)
    if kind == "image" and isinstance(found, Mapping):
        return {"type": kind, kind: {**found, "ref": resolved}}
    if kind == "git" and isinstance(found, Mapping):
        return {"type": kind, kind: {**found, "ref": {"commit": resolved}}}
    return {"type": kind, **({kind: found} if found is not None else {})}
