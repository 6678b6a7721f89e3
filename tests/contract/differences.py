"""Which fields differ between two documents."""

from itertools import chain
from typing import Any


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """What stands at the end of every path."""
    if isinstance(value, dict) and value:
        parts = (leaves(inner, (*path, name)) for name, inner in value.items())
        return dict(chain.from_iterable(part.items() for part in parts))
    return {path: value}


def changed(before: Any, after: Any) -> set[tuple[str, ...]]:
    old, new = leaves(before), leaves(after)
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
