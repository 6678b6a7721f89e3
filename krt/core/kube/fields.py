"""Reads single fields of an object of any kind, in its decoded JSON. Pure; nothing here raises.

A custom resource may have a value of any type under any name. If a field has another type than the caller wants, it
counts as absent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_MOST_CONDITIONS = 200  # a status holds a dozen


@dataclass(frozen=True, slots=True)
class Condition:
    """One of `.status.conditions` (k8s.io/apimachinery, meta/v1, Condition). An absent text is ""."""

    type: str
    status: str
    reason: str
    message: str
    observed: int | None = None  # observedGeneration: the generation that the condition describes

    @property
    def text(self) -> str:
        """Reason and message, without an empty one."""
        return ": ".join(filter(None, (self.reason, self.message)))


def field_at(body: object, *path: str) -> object:
    """The value at the path; None if there is none."""
    for name in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body


def text_at(body: object, *path: str) -> str:
    """The text at the path; "" if there is none."""
    found = field_at(body, *path)
    return found if isinstance(found, str) else ""


def mapping_at(body: object, *path: str) -> Mapping[str, object]:
    """The mapping at the path; empty if there is none."""
    found = field_at(body, *path)
    return found if isinstance(found, Mapping) else {}


def number_at(body: object, *path: str) -> int | None:
    """The whole number at the path; None if there is none."""
    found = field_at(body, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def texts_at(body: object, *path: str) -> Mapping[str, str]:
    """The texts of the mapping at the path, such as labels or the data of a Secret; empty if there is none."""
    found = field_at(body, *path)
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def items_at(body: object, *path: str) -> tuple[Mapping[str, object], ...]:
    """The mappings in the list at the path; empty if there is none."""
    found = field_at(body, *path)
    return tuple(item for item in found if isinstance(item, Mapping)) if isinstance(found, list | tuple) else ()


def conditions_of(body: object) -> dict[str, Condition]:
    """The first 200 conditions of the object by type, in their order. If two have the same type, the first counts."""
    found: dict[str, Condition] = {}
    for condition in _conditions(body):
        found.setdefault(condition.type, condition)
    return found


def _conditions(body: object) -> Iterator[Condition]:
    for item in items_at(body, "status", "conditions")[:_MOST_CONDITIONS]:
        kind, status = text_at(item, "type"), text_at(item, "status")
        reason, message = text_at(item, "reason"), text_at(item, "message")
        yield Condition(kind, status, reason, message, number_at(item, "observedGeneration"))
