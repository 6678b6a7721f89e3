"""Reads single fields of an object whose kind is not known before, as JSON has it. Pure; nothing here raises.

A custom resource may have anything under any name: a field of another type than the one that is asked for counts as
absent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_MOST_CONDITIONS = 200  # a status holds a dozen


@dataclass(frozen=True, slots=True)
class Condition:
    """One of `.status.conditions` (k8s.io/apimachinery, meta/v1, Condition). Absent texts are empty."""

    type: str
    status: str
    reason: str
    message: str
    observed: int | None = None  # the generation that it was said of

    @property
    def text(self) -> str:
        """Reason and message, as far as there are any."""
        return ": ".join(filter(None, (self.reason, self.message)))


def field_at(body: object, *path: str) -> object:
    """The value at the path; None if there is none."""
    for name in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body


def text_at(body: object, *path: str) -> str:
    """The text at the path, or ""."""
    found = field_at(body, *path)
    return found if isinstance(found, str) else ""


def number_at(body: object, *path: str) -> int | None:
    """The whole number at the path."""
    found = field_at(body, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def texts_at(body: object, *path: str) -> Mapping[str, str]:
    """The texts by name at the path, such as labels, annotations and the data of a Secret."""
    found = field_at(body, *path)
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def items_at(body: object, *path: str) -> tuple[Mapping[str, object], ...]:
    """The objects of the list at the path."""
    found = field_at(body, *path)
    return tuple(item for item in found if isinstance(item, Mapping)) if isinstance(found, list | tuple) else ()


def conditions_of(body: object) -> dict[str, Condition]:
    """The object's conditions by their type, in the order in which they stand; of two of one type the first."""
    found: dict[str, Condition] = {}
    for condition in _conditions(body):
        found.setdefault(condition.type, condition)
    return found


def _conditions(body: object) -> Iterator[Condition]:
    for item in items_at(body, "status", "conditions")[:_MOST_CONDITIONS]:
        kind, status = text_at(item, "type"), text_at(item, "status")
        reason, message = text_at(item, "reason"), text_at(item, "message")
        yield Condition(kind, status, reason, message, number_at(item, "observedGeneration"))
