"""The conditions that krt writes into a status, as the API server stores them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from krt.core.kube.fields import items_at, text_at
from krt.core.kube.object_time import spelled
from krt.core.reason import readable


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


def with_stated(
    status: Mapping[str, object],
    stated: Iterable[StatedCondition],
    generation: int,
    now: datetime,
    order: Sequence[str] = (),
) -> list[Mapping[str, object]]:
    """The conditions of `status`, in which these replace those of the same type; first the types of `order`.

    A condition keeps the time of its last transition as long as its status stays the same.
    """
    found = {text_at(each, "type"): each for each in items_at(status, "conditions")}
    for each in stated:
        found[each.type] = _condition(found.get(each.type, {}), each, generation, now)
    known = [found.pop(kind) for kind in order if kind in found]
    return [*known, *found.values()]


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
        "lastTransitionTime": since or spelled(now),
    }
