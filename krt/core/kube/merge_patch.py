"""The JSON merge patch (RFC 7396) that turns one mapping into another. Pure."""

from collections.abc import Mapping


def merge_patch(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """The patch has the fields that differ, and null for a field that is removed. A list that differs is sent whole."""
    patch: dict[str, object] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if below := merge_patch(old, value):
                patch[name] = below
        elif value != old or name not in before:
            patch[name] = value
    return patch
