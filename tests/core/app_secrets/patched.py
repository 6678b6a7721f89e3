"""JSON Patch as an API server applies it (RFC 6902): the three operations that krt sends."""

from copy import deepcopy
from typing import Any


def patched(body: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The body after the operations. A path that does not lead anywhere raises."""
    found = deepcopy(body)
    for each in operations:
        _apply(found, deepcopy(each))
    return found


def _apply(found: Any, operation: dict[str, Any]) -> None:
    *path, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
    for part in path:
        found = found[int(part)] if isinstance(found, list) else found[part]
    at: Any = len(found) if last == "-" else int(last) if isinstance(found, list) else last
    match operation["op"]:
        case "add" if isinstance(found, list):
            assert at <= len(found)
            found.insert(at, operation["value"])
        case "add":
            found[at] = operation["value"]
        case "replace":
            assert found[at] is not None
            found[at] = operation["value"]
        case "remove":
            del found[at]
        case other:
            raise AssertionError(other)
