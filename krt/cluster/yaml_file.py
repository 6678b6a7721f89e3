"""Loads YAML within bounds: the depth and the number of values are checked before anything is built.

PyYAML does the parsing. It has no bounds of its own, and a few lines of aliases can expand to gigabytes: so each alias
counts as all values that it stands for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, MappingStartEvent, NodeEvent, ScalarEvent

MOST_BYTES = 4 * 1024 * 1024  # enough for a kubeconfig of a thousand clusters with their certificates
MOST_DEPTH = 64
MOST_VALUES = 100_000

_Loader: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml's loader is ten times as fast, if PyYAML was built with it


class YamlRefused(ValueError):
    """The content is not one document of YAML, or exceeds a bound. The message is a clause that quotes no content."""


def load_yaml(content: bytes, *, distinct: bool = False) -> Any:
    """The one document in `content`; None if it is empty. Raises YamlRefused.

    If `distinct`, no mapping may have a key twice. Otherwise the last of two equal keys counts, as in kubectl's reading
    of a kubeconfig.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise YamlRefused("it is not text in UTF-8") from error
    try:
        _judge(yaml.parse(text, Loader=_Loader), distinct=distinct)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:  # not its own text, whose snippet may be a token
        raise YamlRefused(f"it is not YAML{_where(error)}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, YamlRefused):
            raise
        raise YamlRefused("it is not YAML") from error  # such as an impossible date, or a NUL byte


@dataclass(slots=True)
class _Open:
    """A collection that is not complete yet. `values` counts it and all values in it, with aliases expanded.

    `keys` has the line of each key of a mapping; None if the collection is a list, or if keys may stand twice.
    `has_key` is true if the last node was a key.
    """

    anchor: str | None
    values: int = 1
    depth: int = 1
    keys: dict[str, int] | None = None
    has_key: bool = False

    def note_key(self, event: Any) -> None:
        """Note the node as a key, unless it is a value. Raises YamlRefused if the mapping has this key already."""
        if self.keys is None:
            return
        self.has_key = not self.has_key
        if not self.has_key or not isinstance(event, ScalarEvent):
            return
        line = event.start_mark.line + 1
        if event.value in self.keys:
            raise YamlRefused(f"a key stands in it twice, in line {self.keys[event.value]} and in line {line}")
        self.keys[event.value] = line

    def take(self, values: int, depth: int) -> None:
        self.values += values
        self.depth = max(self.depth, 1 + depth)
        if self.values > MOST_VALUES:
            raise YamlRefused(f"it holds more than {MOST_VALUES} values, with its aliases expanded")
        if self.depth > MOST_DEPTH:
            raise YamlRefused(f"it is nested deeper than {MOST_DEPTH} levels")


def _judge(events: Iterator[Any], *, distinct: bool) -> None:
    stack, sizes = [_Open(None)], dict[str, tuple[int, int]]()
    for event in events:
        if isinstance(event, NodeEvent):
            stack[-1].note_key(event)
        if isinstance(event, CollectionStartEvent):
            stack.append(_Open(event.anchor, keys={} if distinct and isinstance(event, MappingStartEvent) else None))
            if len(stack) > MOST_DEPTH:
                raise YamlRefused(f"it is nested deeper than {MOST_DEPTH} levels")
        elif isinstance(event, CollectionEndEvent):
            closed = stack.pop()
            _note(closed.anchor, (closed.values, closed.depth), stack, sizes)
        elif isinstance(event, AliasEvent):
            stack[-1].take(*_size_of(event.anchor, sizes))
        elif isinstance(event, NodeEvent):
            _note(event.anchor, (1, 0), stack, sizes)


def _note(anchor: str | None, size: tuple[int, int], stack: list[_Open], sizes: dict[str, tuple[int, int]]) -> None:
    stack[-1].take(*size)
    if anchor:
        sizes[anchor] = size


def _size_of(anchor: str, sizes: dict[str, tuple[int, int]]) -> tuple[int, int]:
    if anchor not in sizes:
        raise YamlRefused("an alias in it stands for a value that is not complete before the alias")
    return sizes[anchor]


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    doing = f", {error.context}" if str(error.context).startswith("while ") else ""
    return f"{doing} (line {mark.line + 1}, column {mark.column + 1})" if mark else doing
